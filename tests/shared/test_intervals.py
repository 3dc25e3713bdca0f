"""Intervals: numbers of units and ISO 8601 durations."""

import pytest

from shared.intervals import interval_seconds
from shared.schedule import ScheduleUnit


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("PT1H20M", 4800),
        ("P1DT2H", 93600),
        ("P2W", 1209600),
        ("PT90S", 90),
        ("pt5m", 300),
        ("P1W1DT1S", 691201),
        ("PT0H1S", 1),
    ],
)
def test_durations_are_read(value: str, seconds: int) -> None:
    assert interval_seconds(value, ScheduleUnit.DURATION) == seconds


@pytest.mark.parametrize("value", ["P1M", "P1Y", "P1Y2M3D", "P2MT5M", "p1m"])
def test_months_and_years_are_refused_with_the_reason(value: str) -> None:
    with pytest.raises(ValueError, match="not always equally long"):
        interval_seconds(value, ScheduleUnit.DURATION)


@pytest.mark.parametrize("value", ["", "P", "PT", "P1DT", "PT0S", "1H", "PT1.5H", "-PT1H", "PT1H ", "P1D2H", "PT٣H"])
def test_what_is_no_duration_is_refused_with_examples(value: str) -> None:
    with pytest.raises(ValueError, match="PT1H20M"):
        interval_seconds(value, ScheduleUnit.DURATION)


@pytest.mark.parametrize(
    ("value", "unit"), [("P4000D", ScheduleUnit.DURATION), ("PT" + "9" * 180 + "S", ScheduleUnit.DURATION)]
)
def test_an_interval_lasts_ten_years_at_most(value: str, unit: ScheduleUnit) -> None:
    with pytest.raises(ValueError, match="10 years"):
        interval_seconds(value, unit)


def test_numbers_of_units_are_counted() -> None:
    assert interval_seconds("90", ScheduleUnit.MINUTE) == 5400
