"""Calendars answer what is excluded, when it ends, and where an occurrence moves to."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.calendars import Calendar, Shift, Window, excluded, opens, shifted, touched
from shared.exclusions import read

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 1, tzinfo=UTC)
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"]


def calendar(timezone: str = "Europe/Berlin", name: str = "Holidays", **definition: object) -> Calendar:
    exclusions, faults = read(definition, timezone, NOW)
    assert faults == []
    return Calendar(name, timezone, exclusions.spans, exclusions.weekly)


CHRISTMAS = calendar(dates=["2026-12-25", "2026-12-26"])
NIGHT = calendar(name="Night", weekly=[{"days": ["fri"], "from": "22:00", "to": "06:00"}])
WEEKEND = calendar(name="Weekend", weekly=[{"days": ["sat", "sun"]}])


def berlin(*at: int) -> datetime:
    return datetime(*at, tzinfo=BERLIN).astimezone(UTC)  # type: ignore[misc, arg-type]


def test_a_day_is_excluded_from_midnight_to_midnight_of_the_calendars_zone() -> None:
    assert excluded([CHRISTMAS], berlin(2026, 12, 25, 0, 0)) == "Holidays"
    assert excluded([CHRISTMAS], berlin(2026, 12, 26, 23, 59, 59)) == "Holidays"
    assert excluded([CHRISTMAS], berlin(2026, 12, 24, 23, 59, 59)) is None
    assert excluded([CHRISTMAS], berlin(2026, 12, 27, 0, 0)) is None


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    assert excluded([NIGHT], berlin(2026, 12, 4, 22, 0)) == "Night"
    assert excluded([NIGHT], berlin(2026, 12, 5, 5, 59)) == "Night"
    assert excluded([NIGHT], berlin(2026, 12, 5, 6, 0)) is None
    assert excluded([NIGHT], berlin(2026, 12, 4, 5, 0)) is None
    assert excluded([NIGHT], berlin(2026, 12, 5, 22, 0)) is None


def test_exclusions_that_touch_open_at_the_end_of_the_last_one() -> None:
    """Friday and Saturday are Christmas, and Sunday is a weekend."""
    assert opens([CHRISTMAS, WEEKEND, NIGHT], berlin(2026, 12, 25, 12, 0)) == berlin(2026, 12, 28, 0, 0)
    assert opens([CHRISTMAS], berlin(2026, 12, 24, 12, 0)) == berlin(2026, 12, 24, 12, 0)


def test_a_calendar_without_an_open_hour_never_opens() -> None:
    always = calendar(weekly=[{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}])
    assert opens([always], NOW) is None
    assert shifted([always], NOW, "UTC", Shift.NEXT) is None


def test_a_move_keeps_the_time_of_day() -> None:
    friday = berlin(2026, 12, 25, 9, 30)
    assert shifted([CHRISTMAS, WEEKEND], friday, "Europe/Berlin", Shift.NEXT) == berlin(2026, 12, 28, 9, 30)
    assert shifted([CHRISTMAS, WEEKEND], friday, "Europe/Berlin", Shift.PREVIOUS) == berlin(2026, 12, 24, 9, 30)


def test_a_move_over_a_clock_change_keeps_the_time_on_the_clock() -> None:
    saturday = berlin(2026, 3, 28, 9, 0)
    assert shifted([WEEKEND], saturday, "Europe/Berlin", Shift.NEXT) == berlin(2026, 3, 30, 9, 0)


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    days = [
        (NOW + timedelta(days=draw(st.integers(-15, 60)))).date().isoformat() for _ in range(draw(st.integers(0, 20)))
    ]
    hours = st.integers(0, 23).map(lambda hour: f"{hour:02}:30")
    week = st.lists(st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), min_size=1, max_size=5)
    weekly = [{"days": draw(week), "from": draw(hours), "to": draw(hours)} for _ in range(draw(st.integers(0, 3)))]
    return calendar(draw(st.sampled_from(ZONES)), dates=days, weekly=weekly)


@settings(max_examples=150, deadline=None)
@given(st.lists(calendars(), min_size=1, max_size=3), st.integers(0, 80 * 86400), st.sampled_from(ZONES))
def test_a_move_never_ends_on_what_is_excluded(closed: list[Calendar], seconds: int, zone: str) -> None:
    instant = NOW + timedelta(seconds=seconds)
    for shift in Shift:
        moved = shifted(closed, instant, zone, shift)
        if moved is not None:
            assert excluded(closed, moved) is None
            assert (moved > instant) is (shift is Shift.NEXT)


@settings(max_examples=150, deadline=None)
@given(st.lists(calendars(), min_size=1, max_size=3), st.integers(0, 80 * 86400))
def test_nothing_is_open_before_it_opens(closed: list[Calendar], seconds: int) -> None:
    instant = NOW + timedelta(seconds=seconds)
    opening = opens(closed, instant)
    if opening is not None:
        assert excluded(closed, opening) is None
        steps = int((opening - instant) / timedelta(minutes=10)) + 1
        between = [instant + timedelta(minutes=10) * step for step in range(steps)]
        assert all(excluded(closed, time) is not None for time in between if time < opening)


@settings(max_examples=100, deadline=None)
@given(calendars(), st.integers(0, 80 * 86400), st.integers(0, 5 * 86400))
def test_what_is_not_touched_holds_nothing_excluded(closed: Calendar, seconds: int, length: int) -> None:
    start = NOW + timedelta(seconds=seconds)
    end = start + timedelta(seconds=length)
    if not touched([closed], start, end):
        steps = length // 1800
        assert all(excluded([closed], start + timedelta(seconds=1800 * step)) is None for step in range(steps))


def test_windows_follow_the_clock_when_it_changes() -> None:
    """The clock goes from 02:00 to 03:00 on 29 March: the window is an hour shorter."""
    window = Calendar("w", "Europe/Berlin", (), (Window(frozenset({6}), 60, 240),))
    assert opens([window], berlin(2026, 3, 29, 1, 0)) == datetime(2026, 3, 29, 2, 0, tzinfo=UTC)
