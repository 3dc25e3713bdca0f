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
    low, high = low.replace(microsecond=0), _whole(high)
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        low, high = (middle, high) if offset(place, middle) == before else (low, middle)
    return Change(high.astimezone(UTC), before, offset(place, high))


def _whole(instant: datetime) -> datetime:
    return instant if not instant.microsecond else instant.replace(microsecond=0) + timedelta(seconds=1)
