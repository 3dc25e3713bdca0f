"""SQL of schedules whose runs must not overlap: what is under way, who waits, and waking who waits."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, any_, bindparam, func, or_, select, update
from sqlalchemy.dialects.postgresql import aggregate_order_by, distinct_on

from shared.overlap import UnderWay
from shared.schedule import ScheduleId
from shared.store.arrays import BIGINT, INSTANT, TEXT, bound, ids, rows
from shared.store.holds import NOT_HELD
from shared.store.tables import triggers
from shared.trigger import TriggerId, TriggerStatus

# A tick that has read the time may look for what is due only now: whoever is woken is due for it, too. A real length.
WOKEN_BEFORE = timedelta(seconds=10)

_waits = (triggers.c.status == "scheduled") & (triggers.c.hold == "overlap")
# On the way, or bound to go: another attempt, or its turn comes as soon as its user or its target has room.
_active = (triggers.c.status != "scheduled") | (
    triggers.c.hold.is_distinct_from("overlap") & (triggers.c.hold.is_not(None) | (triggers.c.attempt > 0))
)
# Planned occurrences go before backfills, which have all the time in the world.
_turn = (triggers.c.kind == "backfill", triggers.c.due_at)


def _in_turn(column: Any) -> Any:
    return func.array_agg(aggregate_order_by(column, *_turn))


UNDER_WAY = (
    select(
        triggers.c.schedule_id,
        _in_turn(triggers.c.id).filter(_active).label("active"),
        _in_turn(triggers.c.due_at).filter(_active).label("due"),
        _in_turn(triggers.c.id).filter(_waits).label("waiting"),
        func.count().filter(_waits, triggers.c.kind == "planned").label("planned"),
    )
    .where(
        triggers.c.schedule_id == any_(ids("ids")),
        triggers.c.status.in_(["scheduled", "queued", "executing"]),
        or_(_active, _waits),
    )
    .group_by(triggers.c.schedule_id)
)

_next = (
    select(triggers.c.id)
    .where(triggers.c.schedule_id == any_(ids("ids")), _waits)
    .ext(distinct_on(triggers.c.schedule_id))
    .order_by(triggers.c.schedule_id, *_turn)
    .scalar_subquery()
)
WAKE = (
    update(triggers)
    .where(triggers.c.id == any_(func.array(_next)))
    .values(next_attempt_at=func.least(triggers.c.next_attempt_at, bindparam("woken", type_=INSTANT)))
)

_replaced = rows("replaced", id=BIGINT, reason=TEXT)
# What executes is cancelled, too: its executor finds out, and whatever it says then is fenced by the status.
CANCEL = (
    update(triggers)
    .where(
        triggers.c.id == _replaced.c.id,
        triggers.c.status.in_(["scheduled", "queued", "executing"]),
    )
    .values(
        status=TriggerStatus.CANCELLED.value,
        **NOT_HELD,
        reason=_replaced.c.reason,
        finished_at=func.greatest(bindparam("now", type_=INSTANT), triggers.c.started_at),
        lease_until=None,
        sending_job_id=None,
    )
)


def under_way(connection: Connection, schedule_ids: Sequence[ScheduleId]) -> dict[ScheduleId, UnderWay]:
    """What each of these locked schedules has under way and waiting."""
    found = {schedule_id: UnderWay() for schedule_id in schedule_ids}
    if found:
        for row in connection.execute(UNDER_WAY, {"ids": list(schedule_ids)}):
            active = dict(zip(row.active or (), row.due or (), strict=True))
            found[row.schedule_id] = UnderWay(active, list(row.waiting or ()), row.planned)
    return found


def wake(connection: Connection, schedule_ids: Sequence[ScheduleId], now: datetime, speed: float) -> None:
    """Have the first occurrence that waits of each locked schedule looked at in the next tick."""
    if schedule_ids:
        connection.execute(WAKE, {"ids": list(schedule_ids), "woken": now - WOKEN_BEFORE * speed})


def cancel(connection: Connection, replaced: Sequence[tuple[TriggerId, str]], now: datetime) -> None:
    """Cancel what a later occurrence of a locked schedule takes the place of, whatever it does."""
    if replaced:
        connection.execute(CANCEL, bound(_replaced, replaced) | {"now": now})
