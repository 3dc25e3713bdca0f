"""Looking ahead: what a schedule, stored or only thought of, will do. Nothing is written."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from shared import plain_text, preview
from shared.errors import NotFound
from shared.manage import schedules as definitions
from shared.manage.draft import Draft
from shared.preview import Density, Diff, DueTime
from shared.schedule import Schedule, ScheduleId, ScheduleStatus, Timing
from shared.services import Services
from shared.store import schedules
from shared.user import UserId

DEFAULT_COUNT = 10
MAX_COUNT = 1000
# What is asked of the preview itself; the other fields are those of a schedule.
ASKED = ("since", "count", "schedule_id")


@dataclass(frozen=True, slots=True)
class Ahead:
    """The next due times, the timing in plain language, and against which stored schedule it was compared."""

    times: list[DueTime]
    text: str
    density: Density | None
    diff: Diff | None


def look_ahead(services: Services, user_id: UserId, draft: Draft) -> Ahead:
    """What a schedule of these fields would do. Raises ``Invalid`` as creating it would, ``NotFound``.

    With ``schedule_id`` it is that schedule after an edit, and is compared with it as it stands.
    """
    now = services.clock.now()
    asked = {name: draft.fields[name] for name in ASKED if name in draft.fields}
    rest = Draft({name: value for name, value in draft.fields.items() if name not in ASKED}, draft.faults)
    since: datetime = asked.get("since", now)
    with services.database.begin() as connection:
        stored = None
        if "schedule_id" in asked:
            stored = schedules.find(connection, user_id, asked["schedule_id"])
            if stored is None:
                raise NotFound(definitions.MISSING)
        timing, max_runs = definitions.drafted(connection, user_id, stored, rest, now)
    left = _left(max_runs, stored.runs if stored else 0)
    difference = None
    if stored is not None:
        as_it_stands = islice(preview.due_times(stored.timing, since), _left(stored.max_runs, stored.runs))
        difference = preview.diff(as_it_stands, islice(preview.due_times(timing, since), left), since)
    times = islice(preview.due_times(timing, since), left)
    return _ahead(timing, islice(times, asked.get("count", DEFAULT_COUNT)), since, difference)


def next_times(services: Services, user_id: UserId, schedule_id: ScheduleId, draft: Draft) -> Ahead:
    """What a stored schedule does next, from what is planned on. Raises ``NotFound``, ``Invalid``.

    Of one that is paused: what it does from the end of the pause on, or would do if it were resumed now.
    """
    draft.accept()
    now = services.clock.now()
    with services.database.begin() as connection:
        schedule = schedules.find(connection, user_id, schedule_id)
    if schedule is None:
        raise NotFound(definitions.MISSING)
    times = islice(_from_what_is_planned(schedule, now), _left(schedule.max_runs, schedule.runs))
    return _ahead(schedule.timing, islice(times, draft.fields.get("count", DEFAULT_COUNT)), now, None)


def _from_what_is_planned(schedule: Schedule, now: datetime) -> Iterator[datetime]:
    if schedule.schedule_status is ScheduleStatus.PROCESSED:
        return
    if schedule.next_run_at is None:
        yield from preview.due_times(schedule.timing, max(schedule.resume_at or now, now))
    else:
        yield from preview.due_from(schedule.timing, schedule.next_run_at)


def _ahead(timing: Timing, times: Iterable[datetime], since: datetime, difference: Diff | None) -> Ahead:
    found = list(times)
    described = plain_text.describe(timing)
    return Ahead(preview.remarked(timing, found, since), described, preview.density(found), difference)


def _left(max_runs: int | None, runs: int) -> int | None:
    return None if max_runs is None else max(max_runs - runs, 0)
