"""Intervals: a number of units, or an ISO 8601 duration. Pure."""

import re

from shared.schedule import ScheduleUnit

MAX_INTERVAL_SECONDS = 10 * 366 * 86400
_DURATION = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", re.ASCII)
_LENGTHS = (7 * 86400, 86400, 3600, 60, 1)
# Years and months before the T; minutes come after it.
_UNEVEN = re.compile(r"P[^T]*[YM]")


def interval_seconds(value: str, unit: ScheduleUnit | None) -> int:
    """The length of an interval in seconds; raises ``ValueError`` with a sentence."""
    seconds = _duration(value) if unit is ScheduleUnit.DURATION else _counted(value, unit)
    if seconds > MAX_INTERVAL_SECONDS:
        raise ValueError("an interval may last 10 years at most")
    return seconds


def _counted(value: str, unit: ScheduleUnit | None) -> int:
    if unit is None or unit.seconds is None or not (value.isascii() and value.isdecimal()) or int(value[:12]) < 1:
        raise ValueError(f"{value!r} is no interval; write a whole number from 1 of {unit or 'a unit'}s")
    return int(value) * unit.seconds


def _duration(value: str) -> int:
    """Seconds of weeks, days, hours, minutes and seconds (ISO 8601-1, 5.5.2.2, without fractions)."""
    text = value.upper()
    found = _DURATION.fullmatch(text)
    if found is None and _UNEVEN.match(text):
        raise ValueError(
            "months and years are not always equally long, so they are no interval; "
            "write days or weeks, or a cron expression such as 0 0 1 * *"
        )
    numbers = [int(number[:12]) if number else 0 for number in found.groups()] if found else []
    if not any(numbers) or text.endswith("T"):
        raise ValueError(f"{value!r} is no duration; write ISO 8601, for example PT90S, PT1H20M, P1DT2H or P2W")
    return sum(number * length for number, length in zip(numbers, _LENGTHS, strict=True))
