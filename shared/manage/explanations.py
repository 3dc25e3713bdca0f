"""Why an occurrence did or did not run."""

from datetime import datetime, timedelta
from itertools import islice

from shared import timetable
from shared.errors import NotFound
from shared.explain import Explanation, Facts, Occurrence, explain
from shared.manage.draft import Draft
from shared.manage.schedules import MISSING
from shared.schedule import Schedule, ScheduleId, ScheduleType
from shared.services import Services
from shared.store import explaining, schedules
from shared.user import UserId

ONE_SECOND, TICK = timedelta(seconds=1), timedelta(microseconds=1)
# Whether max_runs lets it come to an instant is counted this far; beyond it the answer is that it will run.
MAX_COUNTED = 10_000

Around = tuple[datetime | None, datetime | None]


def explain_instant(services: Services, user_id: UserId, schedule_id: ScheduleId, draft: Draft) -> Explanation:
    """What the schedule has to do with the second of ``at`` (default now). Raises ``NotFound``, ``Invalid``."""
    draft.accept()
    now = services.clock.now()
    at: datetime = draft.fields.get("at", now)
    second = at.replace(microsecond=0)
    with services.database.begin() as connection:
        schedule = schedules.find(connection, user_id, schedule_id)
        if schedule is None:
            raise NotFound(MISSING)
        active_since = explaining.active_since(connection, user_id, schedule_id)
        occurrence = explaining.found(connection, user_id, schedule_id, at)
        written = explaining.nearest(connection, user_id, schedule_id, second)
    return explain(_facts(schedule, second, now, active_since, occurrence, written))


def _facts(
    schedule: Schedule,
    second: datetime,
    now: datetime,
    active_since: datetime,
    occurrence: Occurrence | None,
    written: Around,
) -> Facts:
    due = _due(schedule, second)
    before, after = written if schedule.timing.schedule_type is ScheduleType.RELATIVE else _around(schedule, second)
    return Facts(
        at=second,
        now=now,
        schedule=schedule,
        active_since=active_since,
        occurrence=occurrence,
        due=due,
        within_runs=not due or _within_runs(schedule, second, now),
        excluded=timetable.excluded(schedule.timing, second) if due else None,
        before=before,
        after=after,
    )


def _due(schedule: Schedule, second: datetime) -> bool:
    """Whether the timetable has an occurrence in that second, be it one that a calendar excludes."""
    timing = schedule.timing
    if timing.schedule_type is ScheduleType.RECURRING:
        return _before_end(timetable.next_due(timing, second - TICK), second + ONE_SECOND)
    return timing.schedule_type is ScheduleType.ABSOLUTE and second in _instants(schedule)


def _around(schedule: Schedule, second: datetime) -> Around:
    """The times before and after that second at which the timetable lets it run; none before the schedule was made."""
    timing, end = schedule.timing, second + ONE_SECOND
    if timing.schedule_type is ScheduleType.ABSOLUTE:
        runs = [instant for instant in _instants(schedule) if timetable.excluded(timing, instant) is None]
        return (
            next((instant for instant in runs if instant < second), None),
            next((instant for instant in runs if instant >= end), None),
        )
    before = timetable.previous_run(timing, second, schedule.created_at)
    return before, timetable.next_run(timing, timetable.next_due(timing, end - TICK))


def _instants(schedule: Schedule) -> set[datetime]:
    """Where an absolute schedule is due: at the instant it names, and where a calendar moves it to."""
    instants = (timetable.named_instant(schedule.timing), timetable.first_due(schedule.timing, schedule.created_at))
    return {instant for instant in instants if instant is not None}


def _before_end(due: datetime | None, end: datetime) -> bool:
    return due is not None and due < end


def _within_runs(schedule: Schedule, second: datetime, now: datetime) -> bool:
    if schedule.max_runs is None or second <= now:
        return True
    left = schedule.max_runs - schedule.runs
    if left <= 0 or schedule.timing.schedule_type is not ScheduleType.RECURRING:
        return left > 0
    times = islice(timetable.runs(schedule.timing, now), min(left, MAX_COUNTED))
    return left > MAX_COUNTED or any(due >= second for due in times)
