"""SQL for watching what fires, across all users: for the person who runs Cronny, never for an API."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, exists, func, select

from shared.store.arrays import INSTANT
from shared.store.tables import schedules, triggers, users
from shared.trigger import TriggerId, TriggerStatus

LIMIT = 500
FINISHED = (
    select(
        triggers.c.id,
        schedules.c.name,
        schedules.c.timezone,
        triggers.c.due_at,
        triggers.c.status,
        triggers.c.reason,
        triggers.c.attempt,
        triggers.c.started_at,
        triggers.c.finished_at,
    )
    .join(schedules, schedules.c.id == triggers.c.schedule_id)
    .where(triggers.c.finished_at > bindparam("since", type_=INSTANT), triggers.c.status != "cancelled")
    .order_by(triggers.c.finished_at, triggers.c.id)
    .limit(LIMIT)
)
EXECUTING = select(func.count()).where(triggers.c.status == "executing")
ANY_USER = select(exists(select(users.c.id)))


@dataclass(frozen=True, slots=True)
class Fire:
    """An occurrence that ended. ``started_at`` is None when it was skipped."""

    id: TriggerId
    schedule: str
    timezone: str
    due_at: datetime
    status: TriggerStatus
    reason: str | None
    attempt: int
    started_at: datetime | None
    finished_at: datetime


def finished_since(connection: Connection, since: datetime) -> list[Fire]:
    """What ended after ``since``, in that order, at most ``LIMIT`` of them; cancelled ones never fired."""
    rows = connection.execute(FINISHED, {"since": since})
    return [
        Fire(
            TriggerId(row.id),
            row.name,
            row.timezone,
            row.due_at,
            TriggerStatus(row.status),
            row.reason,
            row.attempt,
            row.started_at,
            row.finished_at,
        )
        for row in rows
    ]


def executing(connection: Connection) -> int:
    """How many triggers are being executed."""
    count: int = connection.execute(EXECUTING).scalar_one()
    return count


def any_user(connection: Connection) -> bool:
    """Whether anybody ever registered."""
    found: bool = connection.execute(ANY_USER).scalar_one()
    return found
