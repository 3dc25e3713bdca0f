"""Calendars over the wire."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, StringConstraints, WithJsonSchema
from typing_extensions import TypedDict

from chalicelib.wire.described import CreatedAt, Schema, UpdatedAt, nullable, sent, told
from chalicelib.wire.drafts import Wire
from chalicelib.wire.fields import Name, ShortText
from shared.exclusions import DAYS, MAX_FEED, MAX_ITEMS, MAX_TEXT
from shared.runners.request import MAX_URL_CHARACTERS
from shared.store.calendars import StoredCalendar

# Null clears, and what is cleared is an empty list. What the items are is for shared.exclusions to judge.
_ITEMS = AfterValidator(lambda value: value or [])
Text = Annotated[str | None, AfterValidator(lambda value: value or "")]

_DATE = {"type": "string", "format": "date"}
_CLOCK = {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$"}
_MOMENT = {"anyOf": [_DATE, {"type": "string", "format": "date-time"}]}
_RANGE = {"type": "object", "required": ["from", "to"], "properties": {"from": _MOMENT, "to": _MOMENT}}
_WINDOW = {
    "type": "object",
    "required": ["days"],
    "properties": {
        "days": {"type": "array", "minItems": 1, "items": {"enum": list(DAYS)}},
        "from": _CLOCK,
        "to": _CLOCK,
    },
}


def _list(name: str, item: Schema) -> Schema:
    return {"type": "array", "maxItems": MAX_ITEMS[name], "items": item}


DATES, RANGES, WEEKLY = _list("dates", _DATE), _list("ranges", _RANGE), _list("weekly", _WINDOW)


class CalendarFields(Wire):
    """What a client may write."""

    required = ("name",)

    name: Name = sent("Unique among yours.", example="Closed")
    timezone: Annotated[ShortText | None, AfterValidator(lambda name: name or "UTC")] = sent(
        "An IANA name: whose days and hours the others are. Null is UTC.", example="Europe/Berlin"
    )
    dates: Annotated[list[Any] | None, _ITEMS, WithJsonSchema(nullable(DATES))] = sent(
        "Whole days.", example=["2030-12-25"]
    )
    ranges: Annotated[list[Any] | None, _ITEMS, WithJsonSchema(nullable(RANGES))] = sent(
        "Two days, both included, or two instants with a zone, the second one not included."
    )
    weekly: Annotated[list[Any] | None, _ITEMS, WithJsonSchema(nullable(WEEKLY))] = sent(
        "Weekdays, whole or between two times of day; to before from ends on the next day.",
        example=[{"days": ["sat", "sun"]}],
    )
    icalendar: Text = sent(f"The text of an iCalendar file, {MAX_TEXT // 1024} KB at most: the times of its events.")
    icalendar_url: Annotated[
        Annotated[str, StringConstraints(max_length=MAX_URL_CHARACTERS)] | None,
        AfterValidator(lambda value: value or None),
    ] = sent(f"Where such a text stands, {MAX_FEED // 1024} KB at most: asked when it is saved, and at least daily.")


class CalendarJson(TypedDict):
    """When schedules do not fire."""

    id: int
    name: str
    timezone: str
    dates: Annotated[Any, WithJsonSchema(DATES)]
    ranges: Annotated[Any, WithJsonSchema(RANGES)]
    weekly: Annotated[Any, WithJsonSchema(WEEKLY)]
    icalendar: Annotated[Any, WithJsonSchema(nullable({"type": "string"}))]
    icalendar_url: str | None
    fetched_at: Annotated[datetime | None, told("When the URL last said something.")]
    fetch_error: Annotated[str | None, told("Why it did not since then; what it said before counts.")]
    expanded_until: Annotated[
        datetime, told("Until when events that repeat are known; saving moves it on, and asking the URL.")
    ]
    created_at: CreatedAt
    updated_at: UpdatedAt


def to_json(calendar: StoredCalendar) -> CalendarJson:
    """What a client reads."""
    definition = calendar.definition
    return {
        "id": calendar.id,
        "name": calendar.name,
        "timezone": calendar.timezone,
        "dates": definition.get("dates", []),
        "ranges": definition.get("ranges", []),
        "weekly": definition.get("weekly", []),
        "icalendar": definition.get("icalendar") or None,
        "icalendar_url": calendar.url,
        "fetched_at": calendar.fetched_at,
        "fetch_error": calendar.fetch_error,
        "expanded_until": calendar.expanded_until,
        "created_at": calendar.created_at,
        "updated_at": calendar.updated_at,
    }
