"""Calendars: times at which nothing fires, and where an occurrence on such a day moves to. Pure.

A calendar is read once, when it is saved (``shared.exclusions``): what is left to do here is to look up intervals.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import NewType
from zoneinfo import ZoneInfo

CalendarId = NewType("CalendarId", int)

# A day that is open lies that near, or the occurrence does not move.
MAX_SHIFT_DAYS = 31
# Exclusions that follow each other without a gap; beyond that many nothing is taken to open ever again.
_CHAIN = 1000
_DAY = timedelta(days=1)
_MIDNIGHT = 1440


class Shift(StrEnum):
    """Where an occurrence on an excluded day goes: the nearest open day after or before it, at the same time of day."""

    NEXT = "next"
    PREVIOUS = "previous"


@dataclass(frozen=True, slots=True)
class Window:
    """A part of some weekdays (Monday is 0): minutes from that day's midnight, beyond 1440 on the day after."""

    days: frozenset[int]
    starts: int
    ends: int


@dataclass(frozen=True, slots=True)
class Calendar:
    """What is excluded: ``spans`` of seconds since the epoch, sorted and apart, ends not included; and weekly windows.

    ``timezone`` is the clock of the windows.
    """

    name: str
    timezone: str
    spans: tuple[tuple[int, int], ...] = ()
    weekly: tuple[Window, ...] = ()

    def __hash__(self) -> int:
        """Of a little only, because there may be thousands of spans and a calendar is asked for its hash a lot."""
        return hash((self.name, self.timezone, self.spans[:1], self.spans[-1:], len(self.spans), self.weekly))


def excluded(calendars: Sequence[Calendar], instant: datetime) -> str | None:
    """The name of the first calendar that excludes the instant; None when it is open."""
    return next((calendar.name for calendar in calendars if _ends(calendar, instant) is not None), None)


def opens(calendars: Sequence[Calendar], instant: datetime) -> datetime | None:
    """The first open instant from there on; None when there seems to be none."""
    for _ in range(_CHAIN):
        ends = [end for calendar in calendars if (end := _ends(calendar, instant)) is not None]
        if not ends:
            return instant
        instant = max(ends)
    return None


def shifted(calendars: Sequence[Calendar], instant: datetime, timezone: str, shift: Shift) -> datetime | None:
    """Where an excluded occurrence moves to, by whole days on the clock of ``timezone``; None when nothing is near."""
    wall = instant.astimezone(ZoneInfo(timezone))
    step = _DAY if shift is Shift.NEXT else -_DAY
    for days in range(1, MAX_SHIFT_DAYS + 1):
        # Python adds days to the wall clock; a time that the clock leaves out becomes the one an hour later.
        moved = (wall + days * step).astimezone(UTC)
        if excluded(calendars, moved) is None:
            return moved
    return None


def touched(calendars: Sequence[Calendar], start: datetime, end: datetime) -> bool:
    """Whether anything between the two may be excluded; now and then it says so although nothing is."""
    return any(_touches(calendar, start, end) for calendar in calendars)


def _ends(calendar: Calendar, instant: datetime) -> datetime | None:
    """When the exclusion ends that covers the instant; None when none does."""
    second = int(instant.timestamp())
    position = bisect_right(calendar.spans, second, key=lambda span: span[0]) - 1
    if position >= 0 and second < calendar.spans[position][1]:
        return datetime.fromtimestamp(calendar.spans[position][1], UTC)
    return max(_window_ends(calendar, instant), default=None) if calendar.weekly else None


def _window_ends(calendar: Calendar, instant: datetime) -> Iterator[datetime]:
    zone = ZoneInfo(calendar.timezone)
    wall = instant.astimezone(zone).replace(tzinfo=None)
    weekday, minutes = wall.weekday(), wall.hour * 60 + wall.minute
    for window in calendar.weekly:
        for back in (0, 1):
            if (weekday - back) % 7 in window.days and window.starts <= minutes + back * _MIDNIGHT < window.ends:
                ends = _wall(wall.date() - back * _DAY, window.ends)
                # A wall-clock time that comes twice ends the window twice; one that never comes ends it right away.
                both = [ends.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
                yield min((end for end in both if end > instant), default=instant + timedelta(seconds=1))


def _touches(calendar: Calendar, start: datetime, end: datetime) -> bool:
    position = bisect_right(calendar.spans, start.timestamp(), key=lambda span: span[1])
    if position < len(calendar.spans) and calendar.spans[position][0] < end.timestamp():
        return True
    zone = ZoneInfo(calendar.timezone)
    first, last = (instant.astimezone(zone).replace(tzinfo=None) for instant in (start, end))
    # A window that ends after midnight may have begun the day before; after nine days every weekday has been there.
    days = [first.date() + number * _DAY for number in range(-1, min((last - first).days + 2, 8))]
    return any(
        day.weekday() in window.days and _wall(day, window.starts) <= last and first < _wall(day, window.ends)
        for day in days
        for window in calendar.weekly
    )


def _wall(day: date, minutes: int) -> datetime:
    return datetime(day.year, day.month, day.day) + timedelta(minutes=minutes)  # noqa: DTZ001 - a wall clock's
