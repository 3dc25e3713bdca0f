"""SQL that changes many schedules of one user at once. Their rows first, in the order of ids, then their triggers."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, any_, bindparam, delete, select, update

from shared.schedule import ScheduleId, ScheduleStatus
from shared.store.arrays import INSTANT, ids, texts
from shared.store.holds import NOT_HELD
from shared.store.kinds import WANTED_AS
from shared.store.paging import narrowed
from shared.store.schedules import FILTERS
from shared.store.tables import schedule_calendars, schedules, triggers
from shared.trigger import TriggerKind, TriggerStatus
from shared.user import UserId

_now = bindparam("now", type_=INSTANT)
_LIVE = (schedules.c.user_id == bindparam("user"), schedules.c.deleted_at.is_(None))
_THESE = (*_LIVE, schedules.c.id == any_(ids("ids")))

MATCHING = select(schedules.c.id).where(*_LIVE).order_by(schedules.c.id).limit(bindparam("limit"))
LOCK = (
    select(schedules.c.id, schedules.c.schedule_status)
    .where(*_THESE)
    .order_by(schedules.c.id)
    .with_for_update(key_share=True)
)
CHANGE = update(schedules).where(*_THESE).values(updated_at=_now)
PAUSE = CHANGE.values(schedule_status=ScheduleStatus.INACTIVE.value, status_note=None)
# Of those that are paused: why, or until when.
EXPLAIN = CHANGE.values(status_note=None)
RESUME = CHANGE.values(
    schedule_status=ScheduleStatus.PENDING.value,
    active_since=_now,
    exhausted=False,
    status_note=None,
    pause_note=None,
    resume_at=None,
)
DELETE = CHANGE.values(schedule_status=ScheduleStatus.INACTIVE.value, deleted_at=_now, resume_at=None)
UNLINK = delete(schedule_calendars).where(
    schedule_calendars.c.user_id == bindparam("user"), schedule_calendars.c.schedule_id == any_(ids("ids"))
)
CANCEL = (
    update(triggers)
    .where(
        triggers.c.user_id == bindparam("user"),
        triggers.c.schedule_id == any_(ids("ids")),
        triggers.c.status.in_([TriggerStatus.SCHEDULED.value, TriggerStatus.QUEUED.value]),
        any_(texts("kinds")) == WANTED_AS,
    )
    .values(status=TriggerStatus.CANCELLED.value, reason=bindparam("why"), finished_at=_now, **NOT_HELD)
)


def matching(connection: Connection, user_id: UserId, filters: Mapping[str, Any], limit: int) -> list[ScheduleId]:
    """The user's schedules that a list with these filters would show."""
    statement = narrowed(MATCHING, FILTERS, filters)
    return list(connection.execute(statement, {**filters, "user": user_id, "limit": limit}).scalars())


def lock(
    connection: Connection, user_id: UserId, schedule_ids: Sequence[ScheduleId]
) -> dict[ScheduleId, ScheduleStatus]:
    """The statuses of those that are there, held until the transaction ends."""
    rows = connection.execute(LOCK, {"user": user_id, "ids": list(schedule_ids)})
    return {row.id: ScheduleStatus(row.schedule_status) for row in rows}


def pause(
    connection: Connection,
    user_id: UserId,
    schedule_ids: Sequence[ScheduleId],
    said: Mapping[str, Any],
    now: datetime,
) -> None:
    """Make locked schedules inactive; ``said`` are the columns of a pause that its user gave."""
    connection.execute(PAUSE, {**said, "user": user_id, "ids": list(schedule_ids), "now": now})


def explain(
    connection: Connection,
    user_id: UserId,
    schedule_ids: Sequence[ScheduleId],
    said: Mapping[str, Any],
    now: datetime,
) -> None:
    """Write the same of locked schedules that are paused already."""
    connection.execute(EXPLAIN, {**said, "user": user_id, "ids": list(schedule_ids), "now": now})


def resume(connection: Connection, user_id: UserId, schedule_ids: Sequence[ScheduleId], now: datetime) -> None:
    """Have locked schedules planned anew from ``now`` on."""
    connection.execute(RESUME, {"user": user_id, "ids": list(schedule_ids), "now": now})


def remove(connection: Connection, user_id: UserId, schedule_ids: Sequence[ScheduleId], now: datetime) -> None:
    """Hide locked schedules for good; their history stays."""
    connection.execute(DELETE, {"user": user_id, "ids": list(schedule_ids), "now": now})
    connection.execute(UNLINK, {"user": user_id, "ids": list(schedule_ids)})


def cancel(
    connection: Connection,
    user_id: UserId,
    schedule_ids: Sequence[ScheduleId],
    why: str,
    now: datetime,
    kinds: Collection[TriggerKind] = tuple(TriggerKind),
) -> None:
    """Cancel what locked schedules have planned or queued; what executes already goes on."""
    words = {"why": why, "kinds": [kind.value for kind in kinds]}
    connection.execute(CANCEL, {"user": user_id, "ids": list(schedule_ids), "now": now, **words})
