"""SQL that puts an executing trigger back on the timetable, unless its schedule has changed meanwhile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, any_, bindparam, case, func, null, select, update

from shared.schedule import ScheduleId
from shared.store import tallying
from shared.store.arrays import BIGINT, INSTANT, TEXT, bound, ids, rows
from shared.store.jsonb import clean
from shared.store.kinds import WANTED_AS
from shared.store.tables import schedules, triggers
from shared.trigger import Claim, TriggerId, TriggerStatus

# Whether a trigger's schedule was paused, edited or deleted since. What its user asked for goes on during a pause.
CHANGED: Any = (
    ((schedules.c.schedule_status == "inactive") & (WANTED_AS == "planned"))
    | schedules.c.deleted_at.is_not(None)
    | (schedules.c.version != triggers.c.schedule_version)
)

# Whoever edits schedules locks them before their triggers, and so must everybody who writes to both.
LOCK = (
    select(schedules.c.id)
    .where(schedules.c.id == any_(ids("ids")))
    .order_by(schedules.c.id)
    .with_for_update(key_share=True)
)

_back = rows("back", trigger_id=BIGINT, attempt=Integer(), at=INSTANT, reason=TEXT, changed=TEXT, held_for=TEXT)
_put_back = (
    update(triggers)
    .where(
        triggers.c.id == _back.c.trigger_id,
        triggers.c.attempt == _back.c.attempt,
        triggers.c.status == "executing",
        schedules.c.id == triggers.c.schedule_id,
    )
    .values(
        status=case(
            # What only waited is called off, as it would be a moment later.
            (CHANGED & _back.c.held_for.is_not(None), TriggerStatus.CANCELLED.value),
            (CHANGED, TriggerStatus.FAILED.value),
            else_=TriggerStatus.SCHEDULED.value,
        ),
        hold=case((CHANGED | _back.c.held_for.is_(None), null()), else_="breaker"),
        held_for=case((CHANGED, null()), else_=_back.c.held_for),
        reason=case((CHANGED, _back.c.changed), else_=_back.c.reason),
        next_attempt_at=_back.c.at,
        finished_at=case(
            (CHANGED, func.greatest(bindparam("now", type_=INSTANT), triggers.c.started_at)), else_=null()
        ),
        lease_until=None,
        resend_at=None,
        sending_job_id=None,
    )
    .returning(triggers.c.id, triggers.c.status)
)
PUT_BACK = tallying.ending(_put_back)


@dataclass(frozen=True, slots=True)
class PutBack:
    """A claimed trigger that goes on at ``at``; ``changed`` is the reason if its schedule has changed meanwhile.

    ``held_for``: the host that it waits for.
    """

    claim: Claim
    at: datetime
    reason: str
    changed: str
    held_for: str | None = None


def lock(connection: Connection, schedule_ids: Sequence[ScheduleId]) -> None:
    """Lock these schedules until the transaction ends."""
    if schedule_ids:
        connection.execute(LOCK, {"ids": sorted(set(schedule_ids))})


def put_back(connection: Connection, items: Sequence[PutBack], now: datetime) -> Mapping[TriggerId, TriggerStatus]:
    """Put triggers back whose schedules are locked; answers what they are now: ``scheduled``,
    ``failed``, or ``cancelled`` when they only waited.

    Those that were not this executor's any more are not in the answer.
    """
    if not items:
        return {}
    parameters: dict[str, Any] = bound(_back, [_values(item) for item in items])
    written = connection.execute(PUT_BACK, parameters | {"now": now})
    return {row.id: TriggerStatus(row.status) for row in written}


def _values(item: PutBack) -> tuple[Any, ...]:
    return item.claim.id, item.claim.attempt, item.at, clean(item.reason), clean(item.changed), item.held_for
