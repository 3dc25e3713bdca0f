"""From an iCalendar text (RFC 5545) to the spans of its events. Pure.

Texts come from strangers, so what is expanded is bounded: nothing repeats more often than daily, events that repeat
are few, and no rule is followed beyond the horizon.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import chain
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shared import content_lines, recurrence
from shared.content_lines import Event, Property
from shared.intervals import interval_seconds
from shared.schedule import ScheduleUnit

MAX_EVENTS, MAX_RECURRING, MAX_OCCURRENCES = 2000, 50, 20_000
# That all rules together look at: fifty of them over the years that are kept, and a second or two of a core.
MAX_DAYS = 400_000
_YEARS = range(1970, 2201)
_STAMP = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?", re.ASCII)

Span = tuple[datetime, datetime]
# Times that do not count, each set made once for all who ask for it.
Sets = tuple[set[datetime], ...]


@dataclass(slots=True)
class _Reach:
    """Between which times events are wanted, and how many days rules may still look at to find them."""

    since: datetime
    until: datetime
    days_left: int = MAX_DAYS

    def looked_at(self, days: int) -> None:
        self.days_left -= days
        if self.days_left < 0:
            raise ValueError("with it, rules go on for too long; let them begin later or end sooner, or drop COUNT")


@dataclass(frozen=True, slots=True)
class _Moment:
    """A wall-clock time in a zone; of a whole day when ``dated``."""

    wall: datetime
    zone: tzinfo
    dated: bool

    def instant(self) -> datetime:
        return self.wall.replace(tzinfo=self.zone).astimezone(UTC)


def spans(text: str, timezone: str, since: datetime, until: datetime) -> Iterator[Span]:
    """When the events take place that end after ``since`` and begin before ``until``, in no order.

    Days and times without a zone are those of ``timezone``. Cancelled events are none; whether an event blocks its
    time (TRANSP) does not matter, because calendars of holidays say that they do not. Raises ``ValueError``.
    """
    events = list(content_lines.events(text))
    if len(events) > MAX_EVENTS:
        raise ValueError(f"has {len(events)} events; {MAX_EVENTS} are the most")
    if sum("RRULE" in event.found for event in events) > MAX_RECURRING:
        raise ValueError(f"has more than {MAX_RECURRING} events that repeat")
    replaced = _replaced(events, timezone)
    reach = _Reach(since, until)
    found = chain.from_iterable(_told(event, replaced, timezone, reach) for event in events)
    for number, span in enumerate(found):
        if number >= MAX_OCCURRENCES:
            raise ValueError(f"has events that take place more than {MAX_OCCURRENCES} times")
        if span[1] > since and span[0] < until:
            yield span


def _told(event: Event, replaced: Mapping[str, set[datetime]], timezone: str, reach: _Reach) -> Iterator[Span]:
    """The event's spans; what is wrong with it says which one it is."""
    try:
        repeats = bool(event.found.keys() & {"RRULE", "RDATE"})
        but = (_instants(event, "EXDATE", timezone), replaced.get(event.value("UID"), set())) if repeats else ()
        yield from _event_spans(event, but, timezone, reach)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"event {event.number}: {error}") from error


def _event_spans(event: Event, but: Sets, timezone: str, reach: _Reach) -> Iterator[Span]:
    if event.value("STATUS").upper() == "CANCELLED":
        return
    begin = event.last("DTSTART")
    if begin is None:
        raise ValueError("has no DTSTART")
    start = _moment(begin, timezone)
    length = _length(event, start, timezone)
    walls = _walls(event, start, length, reach, timezone)
    repeated = ((_Moment(wall, start.zone, start.dated), length) for wall in walls)
    for moment, lasts in chain(repeated, _added(event, length, timezone)):
        first, last = moment.instant(), replace(moment, wall=moment.wall + lasts).instant()
        if last > first and not any(first in times for times in but):
            yield first, last


def _added(event: Event, length: timedelta, timezone: str) -> Iterator[tuple[_Moment, timedelta]]:
    """The times that RDATE adds, each with how long it takes: as long as the event, unless it is a PERIOD."""
    for line in event.found.get("RDATE", ()):
        for value in line.value.split(","):
            begins, is_period, ends = value.partition("/")
            start = _moment(Property(line.parameters, begins), timezone)
            yield start, _period(start, Property(line.parameters, ends), timezone) if is_period else length


def _period(start: _Moment, ends: Property, timezone: str) -> timedelta:
    """The length of a PERIOD (RFC 5545, 3.3.9), by its end or its duration."""
    if ends.value.upper().startswith("P"):
        return timedelta(seconds=interval_seconds(ends.value, ScheduleUnit.DURATION))
    return _moment(ends, timezone).instant().astimezone(start.zone).replace(tzinfo=None) - start.wall


def _length(event: Event, start: _Moment, timezone: str) -> timedelta:
    """How long it takes on the wall clock. A day without an end is that day; a time without an end excludes nothing."""
    end = event.last("DTEND")
    if end is not None:
        ends = _moment(end, timezone)
        if ends.instant() < start.instant() or ends.dated != start.dated:
            raise ValueError("DTEND is not later than DTSTART, or only one of them is a day")
        return ends.instant().astimezone(start.zone).replace(tzinfo=None) - start.wall
    if "DURATION" in event.found:
        return timedelta(seconds=interval_seconds(event.value("DURATION"), ScheduleUnit.DURATION))
    return timedelta(days=1 if start.dated else 0)


def _walls(event: Event, start: _Moment, length: timedelta, reach: _Reach, timezone: str) -> Iterator[datetime]:
    """The beginnings of an event on the wall clock of its zone, up to the horizon."""
    text = event.value("RRULE").upper()
    if not text:
        yield start.wall
        return
    rule = recurrence.read(text)
    last = reach.until.astimezone(start.zone).replace(tzinfo=None)
    if "UNTIL" in rule:
        own = _moment(Property({}, rule["UNTIL"]), timezone)
        wall = own.wall if own.dated else own.instant().astimezone(start.zone).replace(tzinfo=None)
        last = min(last, datetime.combine(wall.date(), time.max) if own.dated else wall)
    # A day to spare for the zone, and one for the time of day.
    since = (reach.since - length - timedelta(days=2)).date()
    for day in recurrence.days(rule, start.wall.date(), last.date(), since, reach.looked_at):
        if (wall := datetime.combine(day, start.wall.time())) <= last:
            yield wall


def _replaced(events: list[Event], timezone: str) -> dict[str, set[datetime]]:
    """{UID: times of its repeated event that another event stands for}.

    Made once for all events: there may be as many events of one UID as times that are replaced.
    """
    replaced: dict[str, set[datetime]] = {}
    for event in events:
        uid = event.value("UID")
        if uid and "RECURRENCE-ID" in event.found:
            try:
                replaced.setdefault(uid, set()).update(_instants(event, "RECURRENCE-ID", timezone))
            except (ValueError, OverflowError) as error:
                raise ValueError(f"event {event.number}: {error}") from error
    return replaced


def _instants(event: Event, name: str, timezone: str) -> set[datetime]:
    """All times of a property that may be repeated, and lists its values."""
    return {
        _moment(Property(line.parameters, value), timezone).instant()
        for line in event.found.get(name, ())
        for value in line.value.split(",")
    }


def _moment(line: Property, timezone: str) -> _Moment:
    """A DATE or a DATE-TIME (RFC 5545, 3.3.4 and 3.3.5)."""
    found = _STAMP.fullmatch(line.value.strip())
    if found is None or int(line.value.strip()[:4]) not in _YEARS:
        raise ValueError(f"{line.value[:40]!r} is no day and no time of the years {_YEARS[0]} to {_YEARS[-1]}")
    day, clock, is_utc = found.groups()
    at = date(int(day[:4]), int(day[4:6]), int(day[6:]))
    if clock is None:
        return _Moment(datetime.combine(at, time()), ZoneInfo(timezone), dated=True)
    wall = datetime.combine(at, time(int(clock[:2]), int(clock[2:4]), min(int(clock[4:]), 59)))
    return _Moment(wall, UTC if is_utc else _zone(line.parameters.get("TZID", timezone)), dated=False)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"there is no time zone {name[:60]!r}; TZID must be an IANA name") from error
