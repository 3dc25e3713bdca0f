"""IANA time zones from the tzdata package that requirements.txt pins, whatever the machine has installed."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

_NAME = re.compile(r"[A-Za-z0-9_+\-]+(/[A-Za-z0-9_+\-]+){0,2}")
# Two changes of a zone's clock lie 6.9 days apart at the least (Ramadan beside the end of summer time, in Gaza).
_STEP = timedelta(days=4)
_QUARTER, _SECOND = timedelta(minutes=15), timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Change:
    """A zone's clock is set at ``at`` (UTC): before it, local time is UTC + ``before``; from then on, + ``after``."""

    at: datetime
    before: timedelta
    after: timedelta


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The IANA zone of that name, spelled as IANA spells it; raises ``ValueError`` with a sentence."""
    try:
        if not _NAME.fullmatch(name):
            raise ValueError("not the shape of a name")  # noqa: TRY301
        with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as data:
            return ZoneInfo.from_file(data, key=name)
    except (ValueError, OSError) as error:
        raise ValueError(f"there is no time zone {name!r}; use an IANA name such as Europe/Berlin or UTC") from error


def offset(place: ZoneInfo, instant: datetime) -> timedelta:
    """Local time minus UTC at an aware instant."""
    return instant.astimezone(place).utcoffset() or timedelta()


def next_change(place: ZoneInfo, start: datetime, end: datetime) -> Change | None:
    """The first change of the zone's clock in ``(start, end]``, to the second."""
    low, before = start, offset(place, start)
    while low < end:
        high = min(low + _STEP, end)
        after = offset(place, high)
        if after != before:
            return _narrow(place, low, high, before)
        low = high
    return None


def _narrow(place: ZoneInfo, low: datetime, high: datetime, before: timedelta) -> Change:
    # Almost all clocks are set at a quarter of an hour, which saves half of the looks.
    low, high = _quarter(low), _quarter(high) + _QUARTER
    low, high = _halve(place, low, high, before, _QUARTER)
    if offset(place, high - _SECOND) != before:
        low, high = _halve(place, low, high, before, _SECOND)
    return Change(high.astimezone(UTC), before, offset(place, high))


def _halve(
    place: ZoneInfo, low: datetime, high: datetime, before: timedelta, unit: timedelta
) -> tuple[datetime, datetime]:
    """Two neighbours among the multiples of ``unit`` after ``low``, between which the clock is set."""
    under, over = 0, (high - low) // unit
    while over - under > 1:
        middle = (under + over) // 2
        under, over = (middle, over) if offset(place, low + middle * unit) == before else (under, middle)
    return low + under * unit, low + over * unit


def _quarter(instant: datetime) -> datetime:
    return instant.replace(minute=instant.minute // 15 * 15, second=0, microsecond=0)
