"""A timing in words, as a person would say it."""

from datetime import UTC, datetime

import pytest

from shared.plain_text import describe
from shared.schedule import ScheduleType, ScheduleUnit, Timing


@pytest.mark.parametrize(
    ("kind", "value", "unit", "zone", "says"),
    [
        ("recurring", "0 9 * * MON-FRI", "cron", "Europe/Berlin", "From Monday to Friday at 09:00 in Berlin"),
        ("recurring", "*/15 * * * *", "cron", "UTC", "Every 15 minutes in UTC"),
        ("recurring", "30 2 * * *", "cron", "Europe/Berlin", "Every day at 02:30 in Berlin"),
        ("recurring", "0 0 L * *", "cron", "UTC", "On the last day of the month at 00:00 in UTC"),
        (
            "recurring",
            "0 0 1,15 * *",
            "cron",
            "America/New_York",
            "On the 1st and 15th of the month at 00:00 in New York",
        ),
        ("recurring", "*/5 * * * * *", "cron", "UTC", "Every 5 seconds in UTC"),
        ("recurring", "@every 90s", "cron", "UTC", "Every minute and 30 seconds"),
        ("recurring", "10", "second", "UTC", "Every 10 seconds"),
        ("recurring", "1", "day", "UTC", "Every day"),
        ("recurring", "PT90S", "duration", "UTC", "Every minute and 30 seconds"),
        ("relative", "P1DT2H", "duration", "UTC", "1 day and 2 hours after the end of the previous run"),
        ("recurring", "0 0 * 2 1#5", "cron", "UTC", "On the 5th Monday of February at 00:00 in UTC"),
        (
            *("recurring", "0 0 29 2 1#5", "cron", "UTC"),
            "On the 29th of February or on the 5th Monday of February at 00:00 in UTC",
        ),
        ("relative", "5", "minute", "UTC", "5 minutes after the end of the previous run"),
        (
            "absolute",
            "2030-01-31T09:00:00Z",
            None,
            "Europe/Berlin",
            "Once, on Thursday, 31 January 2030, at 10:00 in Berlin",
        ),
    ],
)
def test_a_timing_is_said_in_words(kind: str, value: str, unit: str | None, zone: str, says: str) -> None:
    anchor = datetime(2026, 1, 1, tzinfo=UTC)
    timing = Timing(ScheduleType(kind), value, ScheduleUnit(unit) if unit else None, zone, anchor)
    assert describe(timing) == says
