"""Cron means wall-clock time; what a wall-clock time means when the clock changes is written down here."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.cron import BadCron, check, next_fire, upcoming, zone

BERLIN, LORD_HOWE, APIA = "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia"


def local(expression: str, timezone: str, after: str, count: int) -> list[str]:
    start = datetime.fromisoformat(after).replace(tzinfo=UTC)
    times = list(upcoming(expression, timezone, start, count=count))
    return [time.astimezone(zone(timezone)).strftime("%d %H:%M%z") for time in times]


@pytest.mark.parametrize(
    ("expression", "timezone", "after", "expected"),
    [
        # Fixed times: right after the gap, and once in the fold.
        ("30 2 * * *", BERLIN, "2026-03-28T12:00", ["29 03:00+0200", "30 02:30+0200"]),
        ("15,45 2 * * *", BERLIN, "2026-03-28T12:00", ["29 03:00+0200", "30 02:15+0200"]),
        ("30 2 * * *", BERLIN, "2026-10-24T12:00", ["25 02:30+0200", "26 02:30+0100"]),
        ("0 3 * * *", BERLIN, "2026-03-28T12:00", ["29 03:00+0200", "30 03:00+0200"]),
        ("0 0 * * *", APIA, "2011-12-29T00:00", ["29 00:00-1000", "31 00:00+1400"]),
        ("15 2 * * *", LORD_HOWE, "2026-10-02T18:00", ["04 02:30+1100", "05 02:15+1100"]),
        # Wildcards: real-time cadence through both changes.
        ("*/30 * * * *", BERLIN, "2026-03-29T00:29", ["29 01:30+0100", "29 03:00+0200", "29 03:30+0200"]),
        ("0 * * * *", BERLIN, "2026-10-24T23:30", ["25 02:00+0200", "25 02:00+0100", "25 03:00+0100"]),
        ("@hourly", BERLIN, "2026-10-24T23:30", ["25 02:00+0200", "25 02:00+0100", "25 03:00+0100"]),
    ],
)
def test_clock_changes(expression: str, timezone: str, after: str, expected: list[str]) -> None:
    assert local(expression, timezone, after, len(expected)) == expected


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("61 * * * *", "field 1 (minute)"),
        ("* * 99 * *", "field 3 (day of month)"),
        ("* * * * * 70", "field 6 (day of week)"),
        ("a b", "has 2"),
        ("", "has 0"),
        ("@reboot", "@hourly"),
        ("0 0 31 2 *", "never fires"),
        ("R R * * *", "random"),
        ("\x00 * * * *", "field 1 (minute)"),
    ],
)
def test_a_bad_expression_is_refused_with_its_reason(expression: str, says: str) -> None:
    with pytest.raises(BadCron) as error:
        check(expression, "UTC", datetime(2026, 1, 1, tzinfo=UTC))
    assert says in str(error.value)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../../etc/passwd", "Europe/berlin\x00"])
def test_an_unknown_zone_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match="IANA"):
        zone(name)


@given(
    after=st.datetimes(datetime(2020, 1, 1), datetime(2045, 1, 1)).map(lambda at: at.replace(tzinfo=UTC)),
    timezone=st.sampled_from([BERLIN, LORD_HOWE, "America/New_York", "Africa/Casablanca", "UTC"]),
    expression=st.sampled_from(["30 2 * * *", "*/7 * * * *", "0 0 * * *", "0 */3 * * *", "15 1-3 * * 0"]),
)
def test_due_times_always_move_on(after: datetime, timezone: str, expression: str) -> None:
    times = list(upcoming(expression, timezone, after, count=5))
    assert times == sorted(set(times))
    assert times[0] > after
    assert next_fire(expression, timezone, times[0] - timedelta(microseconds=1)) == times[0]


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("2027-03-28T00:59:59.500", "28 03:00+0200"),
        ("2027-03-28T01:00:00", "29 02:30+0200"),
        ("2027-10-31T00:59:59.900", "01 02:30+0100"),
    ],
)
def test_a_look_from_the_second_before_a_change_sees_the_change(after: str, expected: str) -> None:
    assert local("30 2 * * *", BERLIN, after, 1) == [expected]


def test_a_year_further_away_than_any_pattern_waits_is_found() -> None:
    times = list(upcoming("0 0 0 1 1 * 2027,2090", "UTC", datetime(2026, 1, 1, tzinfo=UTC)))
    assert [time.year for time in times] == [2027, 2090]


def test_an_h_in_a_name_spreads_nothing() -> None:
    for expression, differs in (("0 9 * * THU", False), ("0 H * * thu", True), ("@hourly", False)):
        start = datetime(2026, 1, 1, tzinfo=UTC)
        firsts = {next_fire(expression, "UTC", start, seed=seed) for seed in range(30)}
        assert (len(firsts) > 1) is differs
