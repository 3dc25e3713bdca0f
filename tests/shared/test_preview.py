"""What a preview says of due times: remarks on clock changes, density, and what an edit changes."""

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from shared import preview
from shared.schedule import ScheduleType, ScheduleUnit, Timing

NOW = datetime(2027, 3, 1, tzinfo=UTC)


def timing(value: str, unit: str = "cron", kind: str = "recurring", timezone: str = "Europe/Berlin") -> Timing:
    return Timing(ScheduleType(kind), value, ScheduleUnit(unit), timezone, NOW)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("value", "since", "timezone", "remarks"),
    [
        (
            "30 2 * * *",
            "2027-03-27T12:00+01:00",
            "Europe/Berlin",
            [
                "The clock goes forward at this instant, from 02:00 to 03:00."
                " The offset from UTC changes from +01:00 to +02:00.",
                None,
            ],
        ),
        (
            "*/30 1-3 31 10 *",
            "2027-10-31T01:00+02:00",
            "Europe/Berlin",
            [
                None,
                "02:00 comes twice on this day; this is the first time.",
                "02:30 comes twice on this day; this is the first time.",
                "02:00 comes twice on this day; this is the second time."
                " The offset from UTC changes from +02:00 to +01:00.",
                "02:30 comes twice on this day; this is the second time.",
                None,
            ],
        ),
        (
            "0 12 * * *",
            "2027-04-03T12:00+11:00",
            "Australia/Lord_Howe",
            ["The offset from UTC changes from +11:00 to +10:30.", None],
        ),
        ("0 12 * * *", "2027-04-03T12:00Z", "Asia/Kathmandu", [None, None]),
    ],
)
def test_clock_changes_are_remarked_on(value: str, since: str, timezone: str, remarks: list[str | None]) -> None:
    rule = timing(value, timezone=timezone)
    times = list(islice(preview.due_times(rule, at(since)), len(remarks)))
    assert [time.remark for time in preview.remarked(rule, times, at(since))] == remarks


def test_local_times_are_the_same_instants_on_the_zones_clock() -> None:
    times = list(islice(preview.due_times(timing("0 9 * * *"), NOW), 60))
    shown = preview.remarked(timing("0 9 * * *"), times, NOW)
    assert [time.due_at for time in shown] == times
    assert all(time.local == time.due_at for time in shown)
    assert {f"{time.local:%H:%M}" for time in shown} == {"09:00"}
    assert {time.local.isoformat()[-6:] for time in shown} == {"+01:00", "+02:00"}


def test_a_relative_schedules_times_are_the_earliest_possible() -> None:
    rule = timing("90", "second", "relative")
    times = list(islice(preview.due_times(rule, NOW), 3))
    assert times == [NOW + timedelta(seconds=90 * k) for k in (1, 2, 3)]
    assert {time.remark for time in preview.remarked(rule, times, NOW)} == {preview.EARLIEST}


def test_density_is_the_average_and_the_busiest_minute_and_hour() -> None:
    times = list(islice(preview.due_times(timing("*/10 30 * * * *", timezone="UTC"), NOW), 12))
    found = preview.density(times)
    assert found is not None
    assert found.busiest_minute == preview.Busiest(NOW + timedelta(minutes=30), 6)
    assert found.busiest_hour == preview.Busiest(NOW, 6)
    assert found.per_hour == pytest.approx(11 / (3650 / 3600), abs=0.01)


@pytest.mark.parametrize(("value", "warns"), [("1", True), ("9", True), ("10", False), ("60", False)])
def test_very_dense_timetables_are_warned_of(value: str, warns: bool) -> None:
    found = preview.density(list(islice(preview.due_times(timing(value, "second"), NOW), 100)))
    assert found is not None
    assert found.per_day == pytest.approx(86400 / int(value))
    assert bool(found.warning) is warns


def test_one_due_time_has_no_density() -> None:
    assert preview.density([NOW]) is None


def test_a_diff_counts_what_an_edit_adds_and_removes_in_ninety_days() -> None:
    old, new = timing("0 9 * * *", timezone="UTC"), timing("0 9 * * mon-fri", timezone="UTC")
    found = preview.diff(preview.due_times(old, NOW), preview.due_times(new, NOW), NOW)
    days = [NOW + timedelta(days=day, hours=9) for day in range(90)]
    assert found.added == []
    assert found.removed == [day for day in days if day.weekday() >= 5]
    assert (found.until, found.complete) == (NOW + timedelta(days=90), True)


def test_a_diff_of_dense_timetables_compares_both_sides_up_to_the_same_instant() -> None:
    seconds, minutes = timing("1", "second"), timing("1", "minute")
    found = preview.diff(preview.due_times(minutes, NOW), preview.due_times(seconds, NOW), NOW)
    assert (found.until, found.complete) == (NOW + timedelta(seconds=preview.MAX_COMPARED), False)
    assert found.removed == []
    assert len(found.added) == preview.MAX_COMPARED - preview.MAX_COMPARED // 60
