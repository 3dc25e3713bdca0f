"""Calendars over the wire."""

from typing import Annotated, Any

from pydantic import AfterValidator

from chalicelib.wire.drafts import ABSENT, Wire
from chalicelib.wire.fields import Name, ShortText
from shared.store.calendars import StoredCalendar

# Null clears, and what is cleared is an empty list. What the items are is for shared.exclusions to judge.
Items = Annotated[list[Any] | None, AfterValidator(lambda value: value or [])]
Text = Annotated[str | None, AfterValidator(lambda value: value or "")]


class CalendarFields(Wire):
    """What a client may write."""

    required = ("name",)

    name: Name = ABSENT
    timezone: Annotated[ShortText | None, AfterValidator(lambda name: name or "UTC")] = ABSENT
    dates: Items = ABSENT
    ranges: Items = ABSENT
    weekly: Items = ABSENT
    icalendar: Text = ABSENT


def to_json(calendar: StoredCalendar) -> dict[str, Any]:
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
        "expanded_until": calendar.expanded_until,
        "created_at": calendar.created_at,
        "updated_at": calendar.updated_at,
    }
