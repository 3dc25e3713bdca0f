"""SQL of schedules as their owners see and change them. The creator's and executor's statements live beside theirs."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    any_,
    bindparam,
    cast,
    func,
    insert,
    literal,
    literal_column,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import array

from shared import timetable
from shared.paging import Page, Slice
from shared.schedule import CatchUp, Overlap, Schedule, ScheduleId, ScheduleStatus, Timing
from shared.store import calendars, timings
from shared.store.arrays import INSTANT, TEXT, texts
from shared.store.holds import NOT_HELD
from shared.store.kinds import WANTED_AS
from shared.store.paging import Filters, has_in_its_name, narrowed, read_page
from shared.store.tables import ledger, schedule_calendars, schedules, triggers
from shared.trigger import TriggerKind, TriggerStatus
from shared.user import UserId

_LIVE = (schedules.c.user_id == bindparam("user"), schedules.c.deleted_at.is_(None))
_THIS = (*_LIVE, schedules.c.id == bindparam("key"))
_DEFINED = (
    schedules.c.id,
    schedules.c.user_id,
    schedules.c.action_id,
    schedules.c.name,
    schedules.c.description,
    schedules.c.schedule_status,
    schedules.c.status_note,
    schedules.c.pause_note,
    schedules.c.resume_at,
    schedules.c.tags,
    schedules.c.priority,
    schedules.c.max_runs,
    schedules.c.runs,
    schedules.c.overlap,
    schedules.c.catch_up,
    schedules.c.catch_up_window_seconds,
    schedules.c.input,
    schedules.c.version,
    schedules.c.created_at,
    schedules.c.updated_at,
    func.array(
        select(schedule_calendars.c.calendar_id)
        .where(schedule_calendars.c.schedule_id == schedules.c.id)
        .order_by(schedule_calendars.c.calendar_id)
        .scalar_subquery()
    ).label("calendar_ids"),
    *timings.COLUMNS,
)

_next_run = (
    select(func.min(triggers.c.due_at))
    .where(
        triggers.c.schedule_id == schedules.c.id,
        triggers.c.status == literal(TriggerStatus.SCHEDULED.value),
        literal(TriggerKind.PLANNED.value) == WANTED_AS,
        # What is held or tried again was due already.
        triggers.c.hold.is_(None),
        triggers.c.attempt == 0,
    )
    .scalar_subquery()
)
# The details of old triggers are gone, but the ledger knows what became of them: one look into each by its index.
_ran = [
    select(
        select(table.c.started_at, table.c.status)
        .where(table.c.schedule_id == schedules.c.id, table.c.started_at.is_not(None))
        .order_by(table.c.due_at.desc())
        .limit(1)
        .correlate(schedules)
        .subquery()
    )
    for table in (triggers, ledger)
]
_either = union_all(*_ran).subquery()
_last_run = select(_either).order_by(_either.c.started_at.desc()).limit(1).lateral("last_run")

VIEW = (
    select(
        *_DEFINED,
        _next_run.label("next_run_at"),
        _last_run.c.started_at.label("last_run_at"),
        _last_run.c.status.label("last_status"),
    )
    .select_from(schedules.outerjoin(_last_run, true()))
    .where(*_LIVE)
)
FIND = VIEW.where(schedules.c.id == bindparam("key"))
_NO_TAGS: Any = literal_column("'{}'")
FILTERS: Filters = {
    "action_id": schedules.c.action_id == bindparam("action_id"),
    "schedule_type": schedules.c.schedule_type == bindparam("schedule_type"),
    "schedule_status": schedules.c.schedule_status == bindparam("schedule_status"),
    # The second half is what the partial index of tags says.
    "tag": schedules.c.tags.contains(array([cast(bindparam("tag"), TEXT)])) & (schedules.c.tags != _NO_TAGS),
    "q": has_in_its_name(schedules.c.name),
}

_now = bindparam("now", type_=INSTANT)
CREATE = insert(schedules).values(active_since=_now, created_at=_now, updated_at=_now).returning(schedules.c.id)
# Always the schedule before its triggers, and never FOR UPDATE: foreign keys that point here need not wait.
LOCK = select(*_DEFINED).where(*_THIS).with_for_update(key_share=True)
CHANGE = update(schedules).where(*_THIS).values(updated_at=_now)
# What came before this instant is accounted for, by the old definition or by the pause.
ACTIVATE = CHANGE.values(
    schedule_status=ScheduleStatus.PENDING.value,
    active_since=_now,
    exhausted=False,
    status_note=None,
    pause_note=None,
    resume_at=None,
)
DELETE = CHANGE.values(schedule_status=ScheduleStatus.INACTIVE.value, deleted_at=_now, resume_at=None)
# What waits already moves in its line.
PRIORITISE = (
    update(triggers)
    .where(
        triggers.c.user_id == bindparam("user"),
        triggers.c.schedule_id == bindparam("key"),
        triggers.c.status == literal_column("'scheduled'"),
    )
    .values(priority=bindparam("new_priority"))
)
CANCEL_PLANNED = (
    update(triggers)
    .where(
        triggers.c.user_id == bindparam("user"),
        triggers.c.schedule_id == bindparam("key"),
        triggers.c.status.in_([TriggerStatus.SCHEDULED.value, TriggerStatus.QUEUED.value]),
        any_(texts("kinds")) == WANTED_AS,
    )
    .values(status=TriggerStatus.CANCELLED.value, reason=bindparam("why"), finished_at=_now, **NOT_HELD)
)


def create(connection: Connection, user_id: UserId, row: Mapping[str, Any], now: datetime) -> ScheduleId:
    """A new schedule, to be planned by the creator from ``now`` on when its status says so."""
    return ScheduleId(connection.execute(CREATE, {**row, "user_id": user_id, "now": now}).scalar_one())


def read_list(connection: Connection, user_id: UserId, filters: Mapping[str, Any], part: Slice) -> Page[Schedule]:
    """The user's schedules, oldest first."""
    statement = narrowed(VIEW, FILTERS, filters)
    page: Page[Any] = read_page(connection, statement, {**filters, "user": user_id}, part, lambda row: row)
    return Page(_schedules(connection, page.items), page.next_after)


def find(connection: Connection, user_id: UserId, schedule_id: ScheduleId) -> Schedule | None:
    """The user's schedule with this id, with its next and its last run."""
    rows = connection.execute(FIND, {"user": user_id, "key": schedule_id}).all()
    return next(iter(_schedules(connection, rows)), None)


def lock(connection: Connection, user_id: UserId, schedule_id: ScheduleId) -> Schedule | None:
    """The same without its runs, held until the transaction ends."""
    rows = connection.execute(LOCK, {"user": user_id, "key": schedule_id}).all()
    return next(iter(_schedules(connection, rows)), None)


def change(
    connection: Connection, user_id: UserId, schedule_id: ScheduleId, changes: Mapping[str, Any], now: datetime
) -> None:
    """Write these columns of a locked schedule."""
    connection.execute(CHANGE, {**changes, "user": user_id, "key": schedule_id, "now": now})


def activate(
    connection: Connection, user_id: UserId, schedule_id: ScheduleId, changes: Mapping[str, Any], now: datetime
) -> None:
    """Write these columns of a locked schedule and have it planned anew from ``now`` on."""
    connection.execute(ACTIVATE, {**changes, "user": user_id, "key": schedule_id, "now": now})


def prioritise(connection: Connection, user_id: UserId, schedule_id: ScheduleId, priority: int) -> None:
    """Give what a locked schedule has planned, or waiting, another place among its user's."""
    connection.execute(PRIORITISE, {"user": user_id, "key": schedule_id, "new_priority": priority})


def remove(connection: Connection, user_id: UserId, schedule_id: ScheduleId, now: datetime) -> None:
    """Hide a locked schedule for good; its history stays."""
    connection.execute(DELETE, {"user": user_id, "key": schedule_id, "now": now})


def cancel_planned(
    connection: Connection,
    user_id: UserId,
    schedule_id: ScheduleId,
    why: str,
    now: datetime,
    kinds: Collection[TriggerKind] = tuple(TriggerKind),
) -> int:
    """Cancel what the locked schedule has planned or queued; what executes already goes on. Answers how many."""
    parameters = {"user": user_id, "key": schedule_id, "why": why, "now": now, "kinds": [kind.value for kind in kinds]}
    return connection.execute(CANCEL_PLANNED, parameters).rowcount


def _schedules(connection: Connection, rows: Sequence[Any]) -> list[Schedule]:
    """The schedules with their calendars, and with the next run that no calendar excludes."""
    found = calendars.of_schedules(connection, [row.id for row in rows if row.calendar_ids])
    return [_schedule(row, timings.timing(row, found.get(row.id, ()))) for row in rows]


def _schedule(row: Any, timing: Timing) -> Schedule:
    fields = {name: value for name, value in row._mapping.items() if name not in _TIMING_NAMES}
    fields |= {"schedule_status": ScheduleStatus(row.schedule_status), "calendar_ids": tuple(row.calendar_ids)}
    fields["tags"] = tuple(row.tags)
    fields |= {"overlap": Overlap(row.overlap), "catch_up": CatchUp(row.catch_up)}
    if timing.calendars and fields.get("next_run_at"):
        fields["next_run_at"] = timetable.next_run(timing, fields["next_run_at"])
    return Schedule(**fields, timing=timing)


_TIMING_NAMES = {column.name for column in timings.COLUMNS}
