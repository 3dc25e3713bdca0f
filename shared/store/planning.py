"""SQL that puts occurrences on the timetable."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, any_, bindparam, exists, select, update
from sqlalchemy.dialects.postgresql import insert

from shared.schedule import ScheduleId, ScheduleStatus
from shared.store.arrays import BIGINT, INSTANT, bound, ids, rows
from shared.store.kinds import WANTED_AS
from shared.store.tables import schedules, triggers
from shared.store.timings import COLUMNS
from shared.trigger import TriggerStatus

UNFINISHED = (TriggerStatus.SCHEDULED, TriggerStatus.QUEUED, TriggerStatus.EXECUTING)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A due time of a schedule."""

    schedule_id: ScheduleId
    due_at: datetime


PENDING = (
    select(schedules.c.id, schedules.c.active_since, schedules.c.max_runs, schedules.c.runs, *COLUMNS)
    .where(schedules.c.schedule_status == "pending")
    .order_by(schedules.c.id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True, key_share=True)
)

UNFINISHED_OF = select(triggers.c.schedule_id).where(
    triggers.c.schedule_id == any_(ids("ids")), triggers.c.status.in_(UNFINISHED), WANTED_AS == "planned"
)

_planned = rows("planned", schedule_id=BIGINT, due_at=INSTANT)
_new_trigger = insert(triggers).from_select(
    ["user_id", "schedule_id", "action_id", "schedule_version", "priority", "due_at", "next_attempt_at"],
    select(
        schedules.c.user_id,
        schedules.c.id,
        schedules.c.action_id,
        schedules.c.version,
        schedules.c.priority,
        _planned.c.due_at,
        _planned.c.due_at,
    ).select_from(_planned.join(schedules, schedules.c.id == _planned.c.schedule_id)),
)
# An occurrence that was cancelled (paused, edited) and is wanted again comes back to life; one that was decided in any
# other way stays as it is and is not in the answer.
PUT = _new_trigger.on_conflict_do_update(
    index_elements=["schedule_id", "due_at"],
    set_={
        "status": "scheduled",
        "kind": "planned",
        "reason": None,
        "finished_at": None,
        "queued_at": None,
        "resend_at": None,
        "sends": 0,
        "action_id": _new_trigger.excluded.action_id,
        "schedule_version": _new_trigger.excluded.schedule_version,
        "priority": _new_trigger.excluded.priority,
        "next_attempt_at": _new_trigger.excluded.next_attempt_at,
    },
    where=(triggers.c.status == "cancelled") & (triggers.c.attempt == 0),
).returning(triggers.c.schedule_id)

PROCESSING = (
    update(schedules)
    .where(schedules.c.id == any_(ids("ids")))
    .values(schedule_status=ScheduleStatus.PROCESSING.value, exhausted=bindparam("nothing_follows"))
)

# Planned once more from there on: the due time that was found is decided already.
_again = rows("again", schedule_id=BIGINT, due_at=INSTANT)
PLAN_AGAIN = (
    update(schedules)
    .where(schedules.c.id == _again.c.schedule_id)
    .values(schedule_status=ScheduleStatus.PENDING.value, active_since=_again.c.due_at, exhausted=False)
)

SWITCH_OFF = (
    update(schedules)
    .where(schedules.c.id == bindparam("schedule"))
    .values(schedule_status=ScheduleStatus.INACTIVE.value, status_note=bindparam("note"))
)

SETTLE = (
    update(schedules)
    .where(
        schedules.c.schedule_status == "processing",
        schedules.c.exhausted,
        ~exists().where(
            triggers.c.schedule_id == schedules.c.id,
            triggers.c.status.in_(UNFINISHED),
            WANTED_AS == "planned",
        ),
    )
    .values(schedule_status=ScheduleStatus.PROCESSED.value)
)


def lock_pending(connection: Connection, limit: int) -> Sequence[Any]:
    """Pending schedules that nobody else plans or edits right now, locked until the transaction ends."""
    return connection.execute(PENDING, {"limit": limit}).all()


def with_unfinished(connection: Connection, schedule_ids: Sequence[ScheduleId]) -> set[ScheduleId]:
    """Which of these schedules still have a trigger of their timetable that has not ended."""
    return set(connection.execute(UNFINISHED_OF, {"ids": list(schedule_ids)}).scalars())


def put(connection: Connection, occurrences: Sequence[Occurrence]) -> None:
    """Put occurrences on the timetable, at most one of each schedule.

    A due time that was decided before is never decided again: its schedule is planned once more, from there on.
    """
    if not occurrences:
        return
    pairs = [(occurrence.schedule_id, occurrence.due_at) for occurrence in occurrences]
    planned = set(connection.execute(PUT, bound(_planned, pairs)).scalars())
    plan_again(connection, [pair for pair in pairs if pair[0] not in planned])


def plan_again(connection: Connection, pairs: Sequence[tuple[ScheduleId, datetime]]) -> None:
    """Have these schedules planned once more, each from that instant on."""
    if pairs:
        connection.execute(PLAN_AGAIN, bound(_again, pairs))


def mark_processing(connection: Connection, schedule_ids: Sequence[ScheduleId], *, exhausted: bool) -> None:
    """These schedules are planned; ``exhausted`` says that nothing follows."""
    if schedule_ids:
        connection.execute(PROCESSING, {"ids": list(schedule_ids), "nothing_follows": exhausted})


def switch_off(connection: Connection, schedule_id: ScheduleId, note: str) -> None:
    """Make a schedule inactive because Cronny cannot read it; its owner sees the note."""
    connection.execute(SWITCH_OFF, {"schedule": schedule_id, "note": note})


def settle(connection: Connection) -> int:
    """Mark schedules ``processed`` of which nothing is left to do; answers how many."""
    return connection.execute(SETTLE).rowcount
