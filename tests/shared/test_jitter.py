"""Jitter spreads occurrences, never reorders them, and never moves the timetable beneath."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from shared import timetable
from shared.schedule import ScheduleType, ScheduleUnit, Timing

NOW = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)

EXPRESSIONS = ["* * * * *", "*/7 8-10 * * *", "30 2 * * *", "0 0 1 * *", "0,1 9 * * mon", "59 23 28-31 * *"]


@st.composite
def timings(draw: Callable[..., object]) -> Timing:
    cron = draw(st.booleans())
    rate = draw(st.integers(2, 100_000))
    jitter = draw(st.integers(1, 86400)) if cron else draw(st.integers(1, min(int(str(rate)) - 1, 86400)))
    return Timing(
        ScheduleType.RECURRING,
        str(draw(st.sampled_from(EXPRESSIONS)) if cron else rate),
        ScheduleUnit.CRON if cron else ScheduleUnit.SECOND,
        str(draw(st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe"]))),
        NOW,
        jitter_seconds=int(str(jitter)),
        seed=int(str(draw(st.integers(1, 10**9)))),
    )


def unjittered(timing: Timing) -> Timing:
    return Timing(ScheduleType.RECURRING, timing.schedule_value, timing.schedule_unit, timing.timezone, timing.anchor)


@settings(max_examples=60, deadline=None)
@given(timing=timings(), days=st.integers(0, 400))
def test_each_occurrence_stays_between_its_planned_time_and_the_next_one(timing: Timing, days: int) -> None:
    start = NOW + timedelta(days=days)
    planned = list(islice(timetable.upcoming(unjittered(timing), start), 12))
    due = [time for time in islice(timetable.upcoming(timing, start), 14) if time >= planned[0]][:11]
    for number, time in enumerate(due):
        assert planned[number] <= time < planned[number + 1]
        assert time - planned[number] <= timedelta(seconds=timing.jitter_seconds)
        assert time.microsecond == 0


@settings(max_examples=60, deadline=None)
@given(timing=timings(), seconds=st.integers(0, 3 * 86400))
def test_what_is_next_is_the_same_from_wherever_one_looks(timing: Timing, seconds: int) -> None:
    since = NOW + timedelta(seconds=seconds)
    all_of_them = list(islice(timetable.upcoming(timing, NOW), 400))
    later = [time for time in all_of_them if time > since]
    if later:
        assert timetable.next_due(timing, since) == later[0]
        assert all(timetable.next_due(timing, one) == following for one, following in pairwise(later[:4]))


def test_two_schedules_are_spread_differently_and_one_always_alike() -> None:
    def first(seed: int) -> datetime | None:
        daily = Timing(
            *(ScheduleType.RECURRING, "0 9 * * *", ScheduleUnit.CRON, "UTC", NOW), jitter_seconds=3600, seed=seed
        )
        return timetable.next_due(daily, NOW)

    times = [first(seed) for seed in range(1, 200)]
    assert len(set(times)) > 150
    assert times == [first(seed) for seed in range(1, 200)]


def test_no_occurrence_is_moved_past_the_end_of_its_schedule() -> None:
    ends = NOW + timedelta(days=1)
    for seed in range(1, 50):
        timing = Timing(
            *(ScheduleType.RECURRING, "12", ScheduleUnit.HOUR, "UTC", NOW, None, ends), jitter_seconds=40_000, seed=seed
        )
        due = list(timetable.upcoming(timing, NOW))
        assert len(due) == 2
        assert NOW + timedelta(hours=12) <= due[0] < ends
        assert due[1] == ends


def test_single_instants_and_delays_are_spread_too() -> None:
    once = Timing(ScheduleType.ABSOLUTE, "2026-05-01T14:00:00Z", None, "UTC", NOW, jitter_seconds=600, seed=3)
    after = Timing(ScheduleType.RELATIVE, "60", ScheduleUnit.SECOND, "UTC", NOW, jitter_seconds=600, seed=3)
    for timing, plain in ((once, NOW + timedelta(hours=2)), (after, NOW + timedelta(seconds=60))):
        due = timetable.first_due(timing, NOW)
        assert due is not None
        assert plain < due <= plain + timedelta(seconds=600)
        assert due == timetable.first_due(timing, NOW)
