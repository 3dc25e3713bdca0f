"""What calendars move is due where it moves to, once, wherever one looks from."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared import calendars, timetable
from shared.calendars import Calendar, Shift
from shared.schedule import ScheduleType, ScheduleUnit, Timing
from tests.shared.test_calendars import WEEKEND, berlin, calendar
from tests.shared.test_calendars import calendars as any_calendar

START = datetime(2026, 11, 5, tzinfo=UTC)
# Clocks change in Europe on 25 October and in America on 1 November 2026.
AUTUMN = datetime(2026, 10, 20, tzinfo=UTC)
END = START + timedelta(days=12)


def timing(expression: str, shift: Shift | None, *closed: Calendar, jitter: int = 0) -> Timing:
    recurring = (ScheduleType.RECURRING, expression, ScheduleUnit.CRON, "Europe/Berlin", START)
    return Timing(*recurring, jitter_seconds=jitter, seed=7, calendars=closed, shift=shift)


def runs(of: Timing, since: datetime, until: datetime) -> list[datetime]:
    """What runs, as the creator finds it: from one due time to the next."""
    found, due = [], timetable.next_due(of, since)
    while due is not None and due < until:
        if timetable.excluded(of, due) is None:
            found.append(due)
        due = timetable.following_due(of, due)
    return found


def expected(of: Timing, since: datetime, until: datetime) -> list[datetime]:
    """The same by looking at every occurrence for miles around."""
    plain = Timing(
        *(of.schedule_type, of.schedule_value, of.schedule_unit, of.timezone, of.anchor),
        jitter_seconds=of.jitter_seconds,
        seed=of.seed,
    )
    found, due = set(), timetable.next_due(plain, since - timedelta(days=40))
    while due is not None and due < until + timedelta(days=40):
        moved = (
            calendars.shifted(of.calendars, due, of.timezone, of.shift)
            if of.shift and calendars.excluded(of.calendars, due)
            else due
        )
        if moved is not None and calendars.excluded(of.calendars, moved) is None:
            found.add(moved)
        due = timetable.next_due(plain, due)
    return sorted(time for time in found if since < time < until)


EXPRESSIONS = ["0 9 * * *", "30 2 * * sat", "0 8,17 * * *", "0 0 1,15 * *", "0 */5 * * *", "15 10 * * sun,mon"]


# 1 and 2 November: with jitter, what moves by two days comes after what moves by one.
ALL_SOULS = Calendar("Holidays", "UTC", spans=((1_793_491_200, 1_793_664_000),), weekly=())


@settings(max_examples=40, deadline=None)
@example("0 9 * * *", Shift.NEXT, [ALL_SOULS], 3000, "Europe/Berlin")
@given(
    st.sampled_from(EXPRESSIONS),
    st.sampled_from([None, *Shift]),
    st.lists(any_calendar(), min_size=1, max_size=2),
    st.sampled_from([0, 0, 3000]),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
)
def test_the_next_due_times_are_those_of_the_whole_set(
    expression: str, shift: Shift | None, closed: list[Calendar], jitter: int, zone: str
) -> None:
    of = replace(timing(expression, shift, *closed, jitter=jitter), timezone=zone)
    assert runs(of, AUTUMN, END) == expected(of, AUTUMN, END)


@settings(max_examples=8, deadline=None)
@given(
    st.sampled_from(["*/5 * * * *", "* 9 * * *", "0 * * * *"]),
    st.sampled_from([*Shift]),
    st.sampled_from([0, 200]),
    st.integers(0, 14 * 24).map(lambda hours: AUTUMN + timedelta(hours=hours)),
)
def test_many_due_times_at_once_are_those_of_one_after_the_other(
    expression: str, shift: Shift, jitter: int, since: datetime
) -> None:
    of = timing(expression, shift, WEEKEND, jitter=jitter)
    one_by_one, due = [], since
    for _ in range(400):
        due = timetable.next_due(of, due) or END
        one_by_one.append(due)
    assert list(islice(timetable.upcoming(of, since), 400)) == one_by_one


@pytest.mark.parametrize(("shift", "day"), [(Shift.NEXT, 3), (Shift.PREVIOUS, 31)])
def test_the_first_of_the_month_moves_off_the_weekend(shift: Shift, day: int) -> None:
    """1 August 2026 is a Saturday."""
    monthly = timing("0 9 1 * *", shift, WEEKEND)
    month = 8 if shift is Shift.NEXT else 7
    assert runs(monthly, berlin(2026, 7, 20, 0, 0), berlin(2026, 8, 20, 0, 0)) == [berlin(2026, month, day, 9, 0)]


def test_two_that_move_to_the_same_time_are_one() -> None:
    daily = timing("0 9 * * *", Shift.NEXT, WEEKEND)
    assert [due.isoweekday() for due in runs(daily, berlin(2026, 11, 5, 0, 0), berlin(2026, 11, 11, 0, 0))] == [
        *(4, 5, 1, 2)
    ]


def test_nothing_moves_past_the_end_or_before_the_start() -> None:
    saturday = berlin(2026, 11, 7, 9, 0)
    fields = (ScheduleType.RECURRING, "0 9 * * sat", ScheduleUnit.CRON, "Europe/Berlin", START)
    over = Timing(*fields, ends_at=saturday + timedelta(hours=1), calendars=(WEEKEND,), shift=Shift.NEXT)
    young = Timing(*fields, starts_at=saturday - timedelta(hours=1), calendars=(WEEKEND,), shift=Shift.PREVIOUS)
    assert runs(over, START, END) == []
    assert runs(young, START, berlin(2026, 11, 12, 0, 0)) == []
    assert timetable.excluded(over, saturday) == "Excluded by the calendar Weekend."


def test_a_reason_says_which_calendar_and_where_to() -> None:
    moved = timing("0 9 * * *", Shift.NEXT, WEEKEND)
    skipped = timing("0 9 * * *", None, WEEKEND)
    saturday = berlin(2026, 11, 7, 9, 0)
    assert timetable.excluded(moved, saturday) == "Excluded by the calendar Weekend; moved to 2026-11-09T08:00:00Z."
    assert timetable.excluded(skipped, saturday) == "Excluded by the calendar Weekend."
    assert timetable.excluded(skipped, berlin(2026, 11, 9, 9, 0)) is None


def test_the_next_run_is_the_next_open_one() -> None:
    daily = timing("0 9 * * *", None, WEEKEND, calendar(dates=["2026-11-09"]))
    assert timetable.next_run(daily, berlin(2026, 11, 7, 9, 0)) == berlin(2026, 11, 10, 9, 0)
    never = timing("0 9 * * sat", None, WEEKEND)
    assert timetable.next_run(never, berlin(2026, 11, 7, 9, 0)) is None


def test_a_schedule_of_every_second_finds_its_way_through_a_long_exclusion_at_once() -> None:
    every_second = timing("* * * * * *", None, calendar(ranges=[{"from": "2026-11-06", "to": "2027-11-06"}]))
    assert timetable.next_run(every_second, berlin(2026, 11, 7, 9, 0)) == berlin(2027, 11, 7, 0, 0)


def test_single_instants_move_and_delays_wait() -> None:
    closed = (WEEKEND,)
    once = (ScheduleType.ABSOLUTE, "2026-11-07T08:00:00Z", None, "Europe/Berlin", START)
    assert timetable.first_due(Timing(*once, calendars=closed, shift=Shift.NEXT), START) == berlin(2026, 11, 9, 9, 0)
    assert timetable.first_due(Timing(*once, calendars=closed), START) == berlin(2026, 11, 7, 9, 0)
    delay = Timing(ScheduleType.RELATIVE, "1", ScheduleUnit.HOUR, "Europe/Berlin", START, calendars=closed)
    assert timetable.relative_due(delay, berlin(2026, 11, 6, 23, 30)) == berlin(2026, 11, 9, 0, 0)
    assert timetable.relative_due(delay, berlin(2026, 11, 6, 12, 0)) == berlin(2026, 11, 6, 13, 0)


def test_a_single_instant_whose_day_before_has_passed_stays_where_it_was() -> None:
    once = (ScheduleType.ABSOLUTE, "2026-11-07T08:00:00Z", None, "Europe/Berlin", START)
    back = Timing(*once, calendars=(WEEKEND,), shift=Shift.PREVIOUS)
    assert timetable.first_due(back, START) == berlin(2026, 11, 6, 9, 0)
    assert timetable.first_due(back, berlin(2026, 11, 6, 12, 0)) == berlin(2026, 11, 7, 9, 0)
