"""From a calendar's definition, as its user wrote it, to what ``shared.calendars`` looks up. Pure.

{"dates": ["2026-12-25"], "ranges": [{"from", "to"}], "weekly": [{"days": ["sat"], "from", "to"}], "icalendar": "..."}
and, of a calendar with an ``icalendar_url``, what that says.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from shared import icalendar
from shared.calendars import MAX_SHIFT_DAYS, Window
from shared.errors import Fault

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MAX_TEXT = 64 * 1024
# Of what a URL says; nobody types that.
MAX_FEED = 256 * 1024
MAX_ITEMS = {"dates": 2000, "ranges": 1000, "weekly": 50}
MAX_SPANS = 5000
# Events that repeat are expanded that far; what lies further back than a year is not kept.
HORIZON_YEARS = 10
_KEPT = timedelta(days=366)
_YEARS = range(1970, 2201)
_DATE = "must be a date such as 2026-12-25"
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00", re.ASCII)

Moments = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Exclusions:
    """What a definition excludes: seconds since the epoch, sorted and apart, and windows of weekdays."""

    spans: tuple[tuple[int, int], ...]
    weekly: tuple[Window, ...]


class _Wrong(ValueError):  # noqa: N818
    """What is wrong with one item, and where in it."""

    def __init__(self, place: str, message: str) -> None:
        self.place = place
        super().__init__(message)


def horizon(now: datetime) -> datetime:
    """How far events that repeat are expanded."""
    return datetime(now.year + HORIZON_YEARS, 1, 1, tzinfo=UTC)


def same_ahead(one: Exclusions, other: Exclusions, now: datetime) -> bool:
    """Whether they exclude the same from now on; what lies further back than an occurrence can move counts for nothing.

    Of what lies far back, each reading keeps less than the one before.
    """
    since = int((now - timedelta(days=MAX_SHIFT_DAYS + 1)).timestamp())
    first, second = ([span for span in each.spans if span[1] > since] for each in (one, other))
    return first == second and one.weekly == other.weekly


def read(definition: Mapping[str, Any], timezone: str, now: datetime, feed: str = "") -> tuple[Exclusions, list[Fault]]:
    """What the definition excludes on the clock of ``timezone``, and everything that is wrong with it.

    ``feed`` is what its ``icalendar_url`` says.
    """
    faults: list[Fault] = []
    zone = ZoneInfo(timezone)
    moments = list(_items(definition, "dates", lambda item: _day_span(item, zone), faults))
    moments += _items(definition, "ranges", lambda item: _range_span(item, zone), faults)
    weekly = tuple(_items(definition, "weekly", _window, faults))
    moments += _events("icalendar", definition.get("icalendar") or "", timezone, now, faults)
    moments += _events("icalendar_url", feed, timezone, now, faults)
    spans = tuple(_merged((int(start.timestamp()), int(end.timestamp())) for start, end in moments))
    if len(spans) > MAX_SPANS:
        field = "icalendar_url" if feed else "icalendar"
        faults.append(Fault(field, f"excludes {len(spans)} separate times; {MAX_SPANS} are the most"))
    return Exclusions(spans, weekly), faults


def _items(definition: Mapping[str, Any], name: str, read_one: Any, faults: list[Fault]) -> Iterator[Any]:
    items = definition.get(name) or []
    if len(items) > MAX_ITEMS[name]:
        faults.append(Fault(name, f"may have {MAX_ITEMS[name]} items at most"))
        return
    for position, item in enumerate(items):
        try:
            yield read_one(item)
        except _Wrong as error:
            faults.append(Fault(f"{name}[{position}]{error.place}", str(error)))


def _events(field: str, text: str, timezone: str, now: datetime, faults: list[Fault]) -> list[Moments]:
    # How much there is of a feed was judged when it was fetched.
    if field == "icalendar" and len(text.encode("utf-8", "replace")) > MAX_TEXT:
        faults.append(Fault(field, f"may have {MAX_TEXT // 1024} KB at most"))
        return []
    try:
        return list(icalendar.spans(text, timezone, now - _KEPT, horizon(now))) if text.strip() else []
    except ValueError as error:
        faults.append(Fault(field, str(error)))
        return []


def _merged(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The same time, in order, in as few spans as possible."""
    last: tuple[int, int] | None = None
    for span in sorted(spans):
        if last is None or span[0] > last[1]:
            if last is not None:
                yield last
            last = span
        else:
            last = (last[0], max(last[1], span[1]))
    if last is not None:
        yield last


def _day_span(item: Any, zone: ZoneInfo) -> Moments:
    day = _date(item, "", _DATE)
    return _midnight(day, zone), _midnight(day + timedelta(days=1), zone)


def _range_span(item: Any, zone: ZoneInfo) -> Moments:
    """Two days, both included, or two instants, of which the second is not."""
    if not isinstance(item, dict) or not {"from", "to"} <= item.keys():
        raise _Wrong("", 'must be an object with "from" and "to"')
    if all(isinstance(item[key], str) and "T" in item[key].upper() for key in ("from", "to")):
        start, end = _instant(item["from"], ".from"), _instant(item["to"], ".to")
    else:
        wish = "must be a date such as 2026-12-25; or both ends are instants such as 2026-12-25T18:00:00Z"
        start = _midnight(_date(item["from"], ".from", wish), zone)
        end = _midnight(_date(item["to"], ".to", wish) + timedelta(days=1), zone)
    if end <= start:
        raise _Wrong(".to", "must not be before from")
    return start, end


def _window(item: Any) -> Window:
    if not isinstance(item, dict) or not isinstance(item.get("days"), list) or not item["days"]:
        raise _Wrong(".days" if isinstance(item, dict) else "", f"must be a list of days: {', '.join(DAYS)}")
    names = [day.strip().lower()[:3] if isinstance(day, str) else "" for day in item["days"]]
    for position, name in enumerate(names):
        if name not in DAYS:
            raise _Wrong(f".days[{position}]", f"must be one of {', '.join(DAYS)}")
    starts, ends = _clock(item.get("from"), ".from", 0), _clock(item.get("to"), ".to", 1440)
    days = frozenset(DAYS.index(name) for name in names)
    # Up to a time that is not later means: on the day after.
    return Window(days, starts, ends if ends > starts else ends + 1440)


def _clock(value: Any, place: str, otherwise: int) -> int:
    if value is None:
        return otherwise
    if not isinstance(value, str) or not _CLOCK.fullmatch(value.strip()):
        raise _Wrong(place, "must be a time of day such as 22:00")
    hour, minute = value.strip().split(":")
    return int(hour) * 60 + int(minute)


def _date(value: Any, place: str, wish: str) -> date:
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", value.strip(), re.ASCII):
        raise _Wrong(place, wish)
    try:
        day = date.fromisoformat(value.strip())
    except ValueError as error:
        raise _Wrong(place, f"there is no such day ({error})") from error
    if day.year not in _YEARS:
        raise _Wrong(place, f"must lie in the years {_YEARS[0]} to {_YEARS[-1]}")
    return day


def _instant(value: str, place: str) -> datetime:
    try:
        instant = datetime.fromisoformat(value.strip())
    except ValueError as error:
        raise _Wrong(place, "must be an instant with its zone, as in 2026-12-25T18:00:00Z") from error
    if instant.tzinfo is None or instant.year not in _YEARS:
        raise _Wrong(place, f"must have a zone, and lie in the years {_YEARS[0]} to {_YEARS[-1]}")
    return instant.astimezone(UTC)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
