"""SQL of what became of a schedule's last occurrences."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, FromClause, Select, bindparam, cast, null, or_, select, union_all

from shared.schedule import ScheduleId
from shared.store.tables import ledger, triggers
from shared.trigger import TriggerId, TriggerStatus
from shared.user import UserId

SHOWN = 20
# What was cancelled before it was due is no outcome yet: it may come back.
_CALLED_OFF = TriggerStatus.CANCELLED.value


def _ended(table: FromClause, trigger_id: Any) -> Select[Any]:
    newest = (
        select(table.c.due_at, table.c.status, trigger_id.label("trigger_id"))
        .where(
            table.c.user_id == bindparam("user"),
            table.c.schedule_id == bindparam("key"),
            table.c.finished_at.is_not(None),
            or_(table.c.status != _CALLED_OFF, table.c.due_at <= table.c.finished_at),
        )
        .order_by(table.c.due_at.desc())
        .limit(SHOWN)
    )
    return select(newest.subquery())


# One look into each by the index that keeps them apart.
_either = union_all(_ended(triggers, triggers.c.id), _ended(ledger, cast(null(), BigInteger))).subquery("ended")
OUTCOMES = select(_either).order_by(_either.c.due_at.desc()).limit(SHOWN)


@dataclass(frozen=True, slots=True)
class Ended:
    """An occurrence that has its outcome; ``trigger_id`` is None once its details are gone."""

    due_at: datetime
    status: TriggerStatus
    trigger_id: TriggerId | None


def outcomes(connection: Connection, user_id: UserId, schedule_id: ScheduleId) -> list[Ended]:
    """The last outcomes of the user's schedule, newest first."""
    rows = connection.execute(OUTCOMES, {"user": user_id, "key": schedule_id})
    return [Ended(row.due_at, TriggerStatus(row.status), row.trigger_id) for row in rows]
