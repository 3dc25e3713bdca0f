"""From an iCalendar text (RFC 5545) to the spans of its events. Pure.

Texts come from strangers, so what is expanded is bounded: nothing repeats more often than daily, events that repeat
are few, and no rule is followed beyond the horizon.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import chain
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shared import recurrence
from shared.intervals import interval_seconds
from shared.schedule import ScheduleUnit

MAX_EVENTS, MAX_RECURRING, MAX_OCCURRENCES = 2000, 50, 20_000
_YEARS = range(1970, 2201)
_STAMP = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?", re.ASCII)

Span = tuple[datetime, datetime]
# Times that do not count, each set made once for all who ask for it.
Sets = tuple[set[datetime], ...]


@dataclass(slots=True)
class _Property:
    """A content line: its parameters and its value."""

    parameters: dict[str, str]
    value: str


@dataclass(slots=True)
class _Event:
    """The properties of a VEVENT; of those that may be repeated all, of the others the last one counts."""

    number: int
    found: dict[str, list[_Property]] = field(default_factory=dict)

    def last(self, name: str) -> _Property | None:
        return self.found[name][-1] if name in self.found else None

    def value(self, name: str) -> str:
        found = self.last(name)
        return found.value if found else ""


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
    events = list(_events(text))
    if len(events) > MAX_EVENTS:
        raise ValueError(f"has {len(events)} events; {MAX_EVENTS} are the most")
    if sum("RRULE" in event.found for event in events) > MAX_RECURRING:
        raise ValueError(f"has more than {MAX_RECURRING} events that repeat")
    replaced = _replaced(events, timezone)
    found = chain.from_iterable(_told(event, replaced, timezone, until) for event in events)
    for number, span in enumerate(found):
        if number >= MAX_OCCURRENCES:
            raise ValueError(f"has events that take place more than {MAX_OCCURRENCES} times")
        if span[1] > since and span[0] < until:
            yield span


def _told(event: _Event, replaced: Mapping[str, set[datetime]], timezone: str, until: datetime) -> Iterator[Span]:
    """The event's spans; what is wrong with it says which one it is."""
    try:
        repeats = bool(event.found.keys() & {"RRULE", "RDATE"})
        but = (_instants(event, "EXDATE", timezone), replaced.get(event.value("UID"), set())) if repeats else ()
        yield from _event_spans(event, but, timezone, until)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"event {event.number}: {error}") from error


def _events(text: str) -> Iterator[_Event]:
    lines = re.sub(r"\r?\n[ \t]", "", text.strip()).splitlines()
    if not lines or lines[0].strip().upper() != "BEGIN:VCALENDAR":
        raise ValueError("is no iCalendar text: it begins with BEGIN:VCALENDAR")
    inside: list[str] = []
    event, number = _Event(0), 0
    for line in lines:
        name, found = _property(line)
        if name == "BEGIN":
            inside.append(found.value.upper())
            if inside[-1] == "VEVENT":
                number += 1
                event = _Event(number)
        elif name == "END":
            if not inside or inside.pop() != found.value.upper():
                raise ValueError(f"END:{found.value[:40]} has no BEGIN")
            if found.value.upper() == "VEVENT":
                yield event
        elif inside and inside[-1] == "VEVENT":
            event.found.setdefault(name, []).append(found)
    if inside:
        raise ValueError(f"BEGIN:{inside[-1][:40]} has no END")


def _property(line: str) -> tuple[str, _Property]:
    """``NAME;PARAMETER="its value":value``; a colon or semicolon between quotes belongs to the parameter."""
    parts, quoted = [""], False
    for position, character in enumerate(line):
        quoted ^= character == '"'
        if character == ":" and not quoted:
            name, *parameters = parts
            pairs = (parameter.partition("=") for parameter in parameters)
            return name.strip().upper(), _Property(
                {key.upper(): value for key, _, value in pairs}, line[position + 1 :]
            )
        if character == ";" and not quoted:
            parts.append("")
        elif character != '"':
            parts[-1] += character
    return "", _Property({}, "")


def _event_spans(event: _Event, but: Sets, timezone: str, until: datetime) -> Iterator[Span]:
    if event.value("STATUS").upper() == "CANCELLED":
        return
    begin = event.last("DTSTART")
    if begin is None:
        raise ValueError("has no DTSTART")
    start = _moment(begin, timezone)
    length = _length(event, start, timezone)
    repeated = ((_Moment(wall, start.zone, start.dated), length) for wall in _walls(event, start, until, timezone))
    for moment, lasts in chain(repeated, _added(event, length, timezone)):
        first, last = moment.instant(), replace(moment, wall=moment.wall + lasts).instant()
        if last > first and not any(first in times for times in but):
            yield first, last


def _added(event: _Event, length: timedelta, timezone: str) -> Iterator[tuple[_Moment, timedelta]]:
    """The times that RDATE adds, each with how long it takes: as long as the event, unless it is a PERIOD."""
    for line in event.found.get("RDATE", ()):
        for value in line.value.split(","):
            begins, is_period, ends = value.partition("/")
            start = _moment(_Property(line.parameters, begins), timezone)
            yield start, _period(start, _Property(line.parameters, ends), timezone) if is_period else length


def _period(start: _Moment, ends: _Property, timezone: str) -> timedelta:
    """The length of a PERIOD (RFC 5545, 3.3.9), by its end or its duration."""
    if ends.value.upper().startswith("P"):
        return timedelta(seconds=interval_seconds(ends.value, ScheduleUnit.DURATION))
    return _moment(ends, timezone).instant().astimezone(start.zone).replace(tzinfo=None) - start.wall


def _length(event: _Event, start: _Moment, timezone: str) -> timedelta:
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


def _walls(event: _Event, start: _Moment, until: datetime, timezone: str) -> Iterator[datetime]:
    """The beginnings of an event on the wall clock of its zone, up to the horizon."""
    text = event.value("RRULE").upper()
    if not text:
        yield start.wall
        return
    rule = recurrence.read(text)
    last = until.astimezone(start.zone).replace(tzinfo=None)
    if "UNTIL" in rule:
        own = _moment(_Property({}, rule["UNTIL"]), timezone)
        wall = own.wall if own.dated else own.instant().astimezone(start.zone).replace(tzinfo=None)
        last = min(last, datetime.combine(wall.date(), time.max) if own.dated else wall)
    for day in recurrence.days(rule, start.wall.date(), last.date()):
        if (wall := datetime.combine(day, start.wall.time())) <= last:
            yield wall


def _replaced(events: list[_Event], timezone: str) -> dict[str, set[datetime]]:
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


def _instants(event: _Event, name: str, timezone: str) -> set[datetime]:
    """All times of a property that may be repeated, and lists its values."""
    return {
        _moment(_Property(line.parameters, value), timezone).instant()
        for line in event.found.get(name, ())
        for value in line.value.split(",")
    }


def _moment(line: _Property, timezone: str) -> _Moment:
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
