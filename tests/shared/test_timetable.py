"""From timings to due times: anchored, bounded, and refused with a sentence when they cannot be."""

from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import timetable, timing_faults
from shared.schedule import DstFold, DstGap, ScheduleType, ScheduleUnit, Timing

NOW = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)


def timing(kind: str = "recurring", value: str = "10", unit: str | None = "second", **rest: object) -> Timing:
    fields: dict[str, object] = {"timezone": "UTC", "anchor": NOW} | rest
    return Timing(ScheduleType(kind), value, ScheduleUnit(unit) if unit else None, **fields)  # type: ignore[arg-type]


@given(seconds=st.integers(1, 10**6), after=st.floats(-(10**7), 10**7))
def test_a_fixed_rate_never_leaves_its_grid(seconds: int, after: float) -> None:
    since = NOW + timedelta(seconds=after)
    due = timetable.next_due(timing(value=str(seconds)), since)
    assert due is not None
    assert due > since
    assert due > NOW
    assert (due - NOW) % timedelta(seconds=seconds) == timedelta()
    assert due - max(since, NOW) <= timedelta(seconds=seconds)


def test_an_absolute_schedule_has_one_due_time() -> None:
    once = timing("absolute", "2026-05-01T14:30:00+02:00", None)
    assert timetable.first_due(once, NOW) == datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
    assert timetable.next_due(once, NOW) is None
    assert timetable.first_due(once, NOW + timedelta(hours=1)) is None


def test_a_relative_schedule_waits_from_the_end_of_the_run_to_a_whole_second() -> None:
    ended = NOW + timedelta(milliseconds=300)
    assert timetable.relative_due(timing("relative"), ended) == NOW + timedelta(seconds=11)
    assert timetable.relative_due(timing("relative"), NOW) == NOW + timedelta(seconds=10)


def test_cron_starts_at_its_start_inclusively() -> None:
    start = datetime(2026, 6, 1, 0, 0, tzinfo=UTC)
    daily = timing(value="0 0 * * *", unit="cron", starts_at=start)
    assert timetable.next_due(daily, NOW) == start


def test_nothing_is_due_after_the_end() -> None:
    ends = NOW + timedelta(seconds=25)
    assert list(timetable.upcoming(timing(ends_at=ends), NOW)) == [
        NOW + timedelta(seconds=10),
        NOW + timedelta(seconds=20),
    ]


@pytest.mark.parametrize(
    ("bad", "field", "says"),
    [
        (timing(value="0"), "schedule_value", "whole number from 1"),
        (timing(value="-5"), "schedule_value", "whole number from 1"),
        (timing(value="1.5"), "schedule_value", "whole number from 1"),
        (timing(value="9" * 5000), "schedule_value", ""),
        (timing(value="99999", unit="day"), "schedule_value", "10 years"),
        (timing(unit=None), "schedule_unit", "second, minute"),
        (timing("relative", "* * * * *", "cron"), "schedule_unit", "recurring"),
        (timing(value="0 0 31 2 *", unit="cron"), "schedule_value", "never fires"),
        (timing(timezone="Mars/Olympus"), "timezone", "Mars/Olympus"),
        (timing("absolute", "soon", None), "schedule_value", "RFC 3339"),
        (timing("absolute", "2030-01-01T00:00:00", None), "schedule_value", "no zone"),
        (timing("absolute", "2020-01-01T00:00:00Z", None), "schedule_value", "past"),
        (timing("absolute", "2030-01-01T00:00:00Z", None, ends_at=NOW), "schedule_value", "ends_at"),
        (timing(starts_at=NOW, ends_at=NOW), "ends_at", "later than starts_at"),
    ],
)
def test_what_cannot_be_a_timetable_is_refused(bad: Timing, field: str, says: str) -> None:
    (fault,) = timing_faults.check(bad, NOW)
    assert fault.field == field
    assert says in fault.message


def test_an_interval_beyond_the_calendar_ends_the_timetable() -> None:
    far = timing(value="3650", unit="day", anchor=datetime(9995, 1, 1, tzinfo=UTC))
    assert timetable.next_due(far, datetime(9999, 1, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("policies", "spring", "autumn"),
    [
        ({}, ["01:00"], ["00:30"]),
        ({"dst_gap": DstGap.SKIP}, [], ["00:30"]),
        ({"dst_fold": DstFold.LAST}, ["01:00"], ["01:30"]),
        ({"dst_fold": DstFold.BOTH}, ["01:00"], ["00:30", "01:30"]),
    ],
)
def test_a_schedule_s_own_policy_decides_when_the_clock_changes(
    policies: dict[str, Any], spring: list[str], autumn: list[str]
) -> None:
    early = timing(value="30 2 * * *", unit="cron", timezone="Europe/Berlin", **policies)
    for day, expected in ((datetime(2027, 3, 28, tzinfo=UTC), spring), (datetime(2027, 10, 31, tzinfo=UTC), autumn)):
        due = takewhile((day + timedelta(days=1)).__gt__, timetable.upcoming(early, day))
        assert [f"{at:%H:%M}" for at in due] == expected


def test_a_bad_zone_and_a_bad_value_are_reported_together() -> None:
    faults = timing_faults.check(timing(value="61 * * * *", unit="cron", timezone="Mars/Olympus"), NOW)
    assert [fault.field for fault in faults] == ["timezone", "schedule_value"]
