"""Runs beside the timetable: one at once, those of a time that has passed, and calling one off."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Literal

from shared import timetable
from shared.errors import Conflict, Invalid, NotFound
from shared.manage import quotas
from shared.manage.draft import Draft
from shared.manage.schedules import MISSING
from shared.quotas import Kept
from shared.schedule import Schedule, ScheduleId, ScheduleStatus, ScheduleType, Timing
from shared.services import Services
from shared.store import Connection, asked_runs, overlapping, planning, schedules, triggers
from shared.trigger import Trigger, TriggerId, TriggerKind, TriggerStatus
from shared.user import UserId

Policy = Literal["all", "latest"] | int

MAX_RANGE = 10_000
MAX_BACKFILL = 1000
# A user's backfills wait in one line of this pace, whatever their number: they never crowd out what is due.
PER_SECOND = 20
CALLED_OFF = "its user called it off"


@dataclass(frozen=True, slots=True)
class Backfilled:
    """What a backfill found in its range (``due``), left as it was (``decided``), and has put in line (``created``)."""

    due: int
    decided: int
    created: int
    first_due_at: datetime | None
    last_due_at: datetime | None


def run_now(services: Services, user_id: UserId, schedule_id: ScheduleId, draft: Draft) -> Trigger:
    """A run now, by the schedule's definition, whether it is active, paused or over.

    The timetable, ``max_runs`` and the chain of a relative schedule know nothing of it.
    Raises ``NotFound``, ``Invalid``, and ``OverQuota`` while very many wait already.
    """
    draft.accept()
    now = services.clock.now()
    with services.database.begin() as connection:
        quotas.check_room(connection, user_id, quotas.plan_of(connection, user_id), Kept.WAITING)
        schedule = _locked(connection, user_id, schedule_id)
        trigger_id = asked_runs.run_now(connection, schedule, draft.fields.get("input"), now)
        return _trigger(connection, user_id, trigger_id)


def backfill(services: Services, user_id: UserId, schedule_id: ScheduleId, draft: Draft) -> Backfilled:
    """Run due times of ``[since, until)`` that never ran. Raises ``NotFound``, ``Invalid``, ``Conflict``.

    1. Read the schedule and, holding no lock, find its due times in the range.
    2. Lock it, leave out what is decided, choose by the policy, and put the rest in line. A crash leaves nothing.
    """
    now = services.clock.now()
    with services.database.begin() as connection:
        schedule = schedules.find(connection, user_id, schedule_id)
    if schedule is None:
        raise NotFound(MISSING)
    times = _range(schedule, draft, now)
    with services.database.begin() as connection:
        plan = quotas.hold(connection, user_id)
        current = _locked(connection, user_id, schedule_id)
        if current.version != schedule.version:
            raise Conflict("The schedule was edited meanwhile; look again.")
        decided = asked_runs.decided(connection, current, times)
        chosen = choose([time for time in times if time not in decided], draft.fields.get("policy", "all"))
        _check_count(len(chosen), draft.fields.get("limit", MAX_BACKFILL))
        quotas.check_room(connection, user_id, plan, Kept.BACKFILLS, len(chosen))
        line = max(now, asked_runs.line_end(connection, user_id) or now)
        paced = list(zip(chosen, _pace(line, services.clock.speed), strict=False))
        created = asked_runs.backfill(connection, current, paced, now)
    ends = (chosen[0], chosen[-1]) if chosen else (None, None)
    return Backfilled(len(times), len(decided), created, *ends)


def choose(times: Sequence[datetime], policy: Policy) -> list[datetime]:
    """All of them, the latest alone, or every n-th from the first on."""
    if policy == "latest":
        return list(times[-1:])
    return list(times) if policy == "all" else list(times[:: int(policy)])


def cancel_trigger(services: Services, user_id: UserId, trigger_id: TriggerId) -> Trigger:
    """Call off what is not executing yet; its schedule goes on after it. Raises ``NotFound``, ``Conflict``."""
    now = services.clock.now()
    with services.database.begin() as connection:
        schedule = schedules.lock(connection, user_id, _trigger(connection, user_id, trigger_id).schedule_id)
        before = _trigger(connection, user_id, trigger_id)
        if not asked_runs.cancel(connection, user_id, trigger_id, CALLED_OFF, now):
            raise Conflict(f"It is {_trigger(connection, user_id, trigger_id).status}; nothing waits to be cancelled.")
        overlapping.wake(connection, [before.schedule_id], now, services.clock.speed)
        if schedule is not None and schedule.schedule_status is ScheduleStatus.PROCESSING:
            _go_on(connection, schedule, before, now)
        return _trigger(connection, user_id, trigger_id)


def _go_on(connection: Connection, schedule: Schedule, cancelled: Trigger, now: datetime) -> None:
    """What would have come after the cancelled trigger comes all the same."""
    if cancelled.wanted_as is not TriggerKind.PLANNED:
        return
    kind, untouched = schedule.timing.schedule_type, cancelled.status is TriggerStatus.SCHEDULED
    if kind is ScheduleType.ABSOLUTE:
        planning.mark_processing(connection, [schedule.id], exhausted=True)
    elif kind is ScheduleType.RELATIVE:
        planning.plan_again(connection, [(schedule.id, max(cancelled.due_at, now))])
    elif untouched and cancelled.attempt == 0 and cancelled.hold is None:
        planning.plan_again(connection, [(schedule.id, cancelled.due_at)])


def _range(schedule: Schedule, draft: Draft, now: datetime) -> list[datetime]:
    """The due times in the draft's range; raises ``Invalid``, ``Conflict``."""
    draft.accept()
    since, until = draft.fields["since"], draft.fields["until"]
    if until > now:
        raise Invalid.field("to", "lies in the future: only what has passed can be backfilled")
    if until <= since:
        raise Invalid.field("to", "must be later than from")
    if schedule.timing.schedule_type is ScheduleType.RELATIVE:
        raise Conflict("A relative schedule has no due times of its own: each comes from the end of the run before.")
    times = list(islice(_due_in(schedule.timing, since, until), MAX_RANGE + 1))
    if len(times) > MAX_RANGE:
        raise Invalid.field("from", f"the range has more than {MAX_RANGE:,} due times; make it shorter")
    return times


def _due_in(timing: Timing, since: datetime, until: datetime) -> Iterator[datetime]:
    if timing.schedule_type is ScheduleType.ABSOLUTE:
        due = timetable.first_due(timing, since)
        return iter([due] if due is not None and since <= due < until else [])
    times = takewhile(lambda due: due < until, timetable.upcoming(timing, since - timedelta(microseconds=1)))
    return (due for due in times if timetable.excluded(timing, due) is None)


def _check_count(count: int, limit: int) -> None:
    if count > limit:
        raise Invalid.field("limit", f"there would be {count:,} runs, more than {limit:,}; narrow the range")


def _pace(start: datetime, speed: float) -> Iterator[datetime]:
    for place in range(1, MAX_BACKFILL + 1):
        yield start + timedelta(seconds=place * speed / PER_SECOND)


def _locked(connection: Connection, user_id: UserId, schedule_id: ScheduleId) -> Schedule:
    schedule = schedules.lock(connection, user_id, schedule_id)
    if schedule is None:
        raise NotFound(MISSING)
    return schedule


def _trigger(connection: Connection, user_id: UserId, trigger_id: TriggerId) -> Trigger:
    trigger = triggers.find(connection, user_id, trigger_id)
    if trigger is None:
        raise NotFound("There is no such trigger.")
    return trigger
