"""How close to each other a schedule's times come."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from shared import cron
from shared.quotas import smallest_gap
from shared.schedule import ScheduleType, ScheduleUnit, Timing

NOW = datetime(2027, 1, 15, 12, tzinfo=UTC)


def timing(value: str, unit: ScheduleUnit = ScheduleUnit.CRON, kind: ScheduleType = ScheduleType.RECURRING) -> Timing:
    return Timing(kind, value, unit, "UTC", NOW)


@pytest.mark.parametrize(
    ("expression", "seconds"),
    [
        ("* * * * * *", 1),
        ("*/7 * * * * *", 4),
        ("* * * * *", 60),
        ("*/40 * * * *", 20 * 60),
        ("0 9 * * *", 86400),
        ("0 9 * * 1", 7 * 86400),
        ("0 9 * * 1,2", 86400),
        ("0 0,23 * * *", 3600),
        ("0 0,23 * * 1", 23 * 3600),
        ("59 23 1 * *", 28 * 86400),
        ("0 0 28,1 * *", 86400),
        ("@every 90s", 90),
        ("0 12 29 2 *", 4 * 365 * 86400 + 86400),
        ("0 0 0 1 1 * 2030", None),
    ],
)
def test_the_smallest_gap_of_an_expression(expression: str, seconds: int | None) -> None:
    assert smallest_gap(timing(expression), NOW) == seconds


@pytest.mark.parametrize(
    "expression", ["*/11 3-5 8,22 * * *", "5,58 */13 * 1-7 * *", "0 0 L,1 * *", "3 1 0,23 * * 5,6"]
)
def test_it_is_the_smallest_of_the_gaps_that_come(expression: str) -> None:
    times = list(cron.upcoming(expression, "UTC", NOW, count=20_000))
    seen = min(after - before for before, after in pairwise(times))
    assert timedelta(seconds=smallest_gap(timing(expression), NOW) or 0) == seen


def test_the_gap_of_an_interval_is_the_interval_and_one_instant_has_none() -> None:
    assert smallest_gap(timing("5", ScheduleUnit.MINUTE), NOW) == 300
    assert smallest_gap(timing("PT90S", ScheduleUnit.DURATION, ScheduleType.RELATIVE), NOW) == 90
    once = timing("2030-01-01T00:00:00Z", ScheduleUnit.SECOND, ScheduleType.ABSOLUTE)
    assert smallest_gap(once, NOW) is None
