"""What holds for every due time, whatever the expression, the zone and the policy. The same examples in every run."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise, takewhile
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from shared import preview, timetable
from shared.calendars import Calendar, Shift, Window
from shared.cron import next_fire, upcoming, zone
from shared.schedule import DstFold, DstGap, ScheduleType, ScheduleUnit, Timing
from tests.time.changes import Change, of_zone
from tests.time.reference import due, walk

TICK, HOUR, DAY = timedelta(microseconds=1), timedelta(hours=1), timedelta(days=1)
ZONES = (
    *("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Antarctica/Troll"),
    *("America/Havana", "Pacific/Chatham", "Asia/Kathmandu", "UTC"),
)
WHOLE_WEEK = frozenset(range(7))

quick = settings(max_examples=40, deadline=None, derandomize=True, database=None, phases=[Phase.generate])


@dataclass(frozen=True)
class Meaning:
    """An expression whose meaning is known before it is written; empty: every one."""

    minutes: frozenset[int]
    hours: frozenset[int]
    weekdays: frozenset[int]

    def __str__(self) -> str:
        fields = (_field(numbers) for numbers in (self.minutes, self.hours, frozenset(), frozenset(), self.weekdays))
        return " ".join(fields)

    def matches(self, wall: datetime) -> bool:
        asked = ((self.minutes, wall.minute), (self.hours, wall.hour), (self.weekdays, wall.isoweekday() % 7))
        return all(number in numbers or not numbers for numbers, number in asked)

    @property
    def default(self) -> tuple[DstGap, DstFold]:
        """What it means without a policy: wildcards keep their cadence, fixed times run once."""
        wildcard = not (self.minutes and self.hours)
        return (DstGap.SKIP, DstFold.BOTH) if wildcard else (DstGap.RUN_AFTER, DstFold.FIRST)


def _field(numbers: frozenset[int]) -> str:
    return ",".join(map(str, sorted(numbers))) or "*"


@lru_cache
def changes(name: str) -> list[Change]:
    """Some years of a zone's changes; of one without any, an instant at which nothing happens."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    nothing = Change(start, timedelta(), timedelta())
    return list(of_zone(name, start, datetime(2029, 1, 1, tzinfo=UTC))) or [nothing]


def numbers(end: int, least: int) -> st.SearchStrategy[frozenset[int]]:
    return st.frozensets(st.integers(0, end - 1), min_size=least, max_size=4)


# Hours at which clocks change, more often than others.
meanings = st.builds(Meaning, numbers(60, 0), st.one_of(numbers(5, 0), numbers(24, 1)), numbers(7, 0))
fixed = st.builds(Meaning, numbers(60, 1), numbers(4, 1), st.just(frozenset()))
places = st.sampled_from(ZONES)
policies = st.one_of(st.none(), st.tuples(st.sampled_from(DstGap), st.sampled_from(DstFold)))


@st.composite
def near_changes(draw: Any) -> tuple[str, Change, datetime]:
    """A zone, a change of its clock, and an instant within two days of it, often within the hour or the second."""
    name = draw(places)
    change = draw(st.sampled_from(changes(name)))
    away = draw(st.one_of(st.integers(-2 * 86400, 2 * 86400), st.integers(-3600, 3600), st.integers(-1, 1)))
    return name, change, change.at + timedelta(seconds=away, microseconds=draw(st.sampled_from([0, 1, 999_999])))


@quick
@given(near_changes(), meanings, policies)
def test_due_times_are_those_of_a_walk_along_the_clock(near: Any, meaning: Meaning, policy: Any) -> None:
    name, change, after = near
    start, end = change.at - 3 * DAY, change.at + 3 * DAY
    walked = walk(zone(name), start, end)
    gap, fold = policy or meaning.default
    expected = [time for time in due(walked, meaning.matches, gap, fold) if after < time < end - 4 * HOUR]
    found = upcoming(str(meaning), name, after, *(policy or (None, None)))
    assert list(takewhile((end - 4 * HOUR).__gt__, found)) == expected


@quick
@given(near_changes(), meanings, policies, st.floats(0, 0.99))
def test_due_times_increase_and_are_found_from_any_instant_before_them(
    near: Any, meaning: Meaning, policy: Any, part: float
) -> None:
    name, _, after = near
    gap, fold = policy or (None, None)
    times = list(upcoming(str(meaning), name, after, gap, fold, count=12))
    assert times[0] > after
    for earlier, later in pairwise(times):
        assert earlier < later
        for instant in (earlier, earlier + (later - earlier) * part, later - TICK):
            assert next_fire(str(meaning), name, instant, gap, fold) == later


@quick
@given(near_changes(), meanings, st.sampled_from(DstFold))
def test_with_skip_no_due_time_lies_in_a_gap(near: Any, meaning: Meaning, fold: DstFold) -> None:
    name, _, after = near
    for time in upcoming(str(meaning), name, after, DstGap.SKIP, fold, count=30):
        assert meaning.matches(time.astimezone(zone(name)).replace(tzinfo=None))


@quick
@given(near_changes(), fixed)
def test_in_a_fold_exactly_the_first_the_last_or_both_count(near: Any, meaning: Meaning) -> None:
    name, change, _ = near
    start, end = change.at - 4 * HOUR, change.at + 4 * HOUR

    def walls(fold: DstFold) -> list[tuple[datetime, int]]:
        times = takewhile(end.__ge__, upcoming(str(meaning), name, start, DstGap.SKIP, fold))
        local = [time.astimezone(zone(name)) for time in times]
        return [(time.replace(tzinfo=None, fold=0), time.fold) for time in local]

    both = walls(DstFold.BOTH)
    twice = {wall for wall, fold in both if fold}
    assert {wall for wall, fold in both if (wall, 0) in both and (wall, 1) in both} == twice
    assert walls(DstFold.FIRST) == [(wall, fold) for wall, fold in both if not fold]
    assert walls(DstFold.LAST) == [(wall, fold) for wall, fold in both if fold or wall not in twice]


weekend = Calendar("weekend", "Europe/Berlin", (), (Window(frozenset({5, 6}), 0, 1440),))
nights = Calendar("nights", "Europe/Berlin", (), (Window(WHOLE_WEEK, 22 * 60, 30 * 60),))


@st.composite
def timings(draw: Any) -> Timing:
    cron = draw(st.booleans())
    return Timing(
        ScheduleType.RECURRING,
        str(draw(meanings)) if cron else str(draw(st.integers(60, 200_000))),
        ScheduleUnit.CRON if cron else ScheduleUnit.SECOND,
        draw(places),
        datetime(2026, 1, 1, tzinfo=UTC),
        jitter_seconds=draw(st.sampled_from([0, 0, 59])),
        seed=draw(st.integers(1, 1000)),
        calendars=draw(st.sampled_from([(), (), (weekend,), (nights, weekend)])),
        shift=draw(st.sampled_from([None, *Shift])),
    )


@quick
@given(timings(), near_changes(), st.floats(0, 0.99))
def test_a_preview_is_the_inverse_of_what_is_due(timing: Timing, near: Any, part: float) -> None:
    """Every previewed instant is due and open, and nothing that is due and open lies between two of them."""
    shown = list(islice(preview.due_times(timing, near[2]), 6))
    for time in shown:
        assert timetable.next_due(timing, time - TICK) == time
        assert timetable.excluded(timing, time) is None
    for earlier, later in pairwise([near[2], *shown]):
        within = earlier + (later - earlier) * part
        assert timetable.next_run(timing, timetable.next_due(timing, within)) == later
