"""Looking ahead over the wire."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from typing_extensions import TypedDict

from chalicelib.wire.described import sent, told
from chalicelib.wire.drafts import Wire, change, new
from chalicelib.wire.fields import Id, SentInstant, no_bool
from chalicelib.wire.schedules import ScheduleFields
from shared.job import JsonObject
from shared.manage.draft import Draft
from shared.manage.preview import DEFAULT_COUNT, MAX_COUNT, Ahead
from shared.preview import SHOWN, Density, Diff

Amount = Annotated[int, BeforeValidator(no_bool), Field(ge=1, le=MAX_COUNT)]
HOW_MANY = f"How many due times to show; {DEFAULT_COUNT} unless told otherwise."


class PreviewFields(ScheduleFields):
    """The fields of a schedule, and what to show of it."""

    required = ("schedule_type", "schedule_value")

    since: SentInstant = sent("Where to begin; now unless told otherwise.", alias="from")
    count: Amount = sent(HOW_MANY)
    schedule_id: Id = sent("A stored schedule: what is left out is as it has it, and the difference is shown.")


class NextQuery(Wire):
    """How far to look; of a query, so a number as text."""

    count: Annotated[int, Field(ge=1, le=MAX_COUNT)] = sent(HOW_MANY)


class DueTimeJson(TypedDict):
    """A due time."""

    due_at: Annotated[datetime, told("The instant.")]
    local: Annotated[str, told("The same on the schedule's own clock.")]
    remark: Annotated[str | None, told("What is special about it: the clock changes, a calendar, jitter.")]


class BusiestJson(TypedDict):
    """When most of them are due."""

    at: Annotated[datetime, told("When it begins.")]
    count: Annotated[int, told("How many are due then.")]


class DensityJson(TypedDict):
    """How close they are, within the times shown."""

    per_hour: Annotated[float, told("How many in an hour.")]
    per_day: Annotated[float, told("How many in a day.")]
    busiest_minute: Annotated[BusiestJson, told("The fullest minute.")]
    busiest_hour: Annotated[BusiestJson, told("The fullest hour.")]
    warning: Annotated[str | None, told("What you may not have meant.")]


class SideJson(TypedDict):
    """Due times on one side of a difference."""

    count: Annotated[int, told("How many there are.")]
    times: Annotated[list[datetime], told(f"The first {SHOWN} of them.")]


class DiffJson(TypedDict):
    """What an edit would add and remove in the next 90 days."""

    until: Annotated[datetime, told("How far was looked.")]
    complete: Annotated[bool, told("Whether these are all of the 90 days.")]
    added: Annotated[SideJson, told("Due times that would be new.")]
    removed: Annotated[SideJson, told("Due times that would be gone.")]


class AheadJson(TypedDict):
    """Due times to come."""

    times: Annotated[list[DueTimeJson], told("The due times, in order.")]
    text: Annotated[str, told("The timing in words.")]
    density: Annotated[DensityJson | None, told("Null for fewer than two times.")]
    diff: Annotated[DiffJson | None, told("The difference to the stored schedule, if one was named.")]


def read(body: JsonObject) -> Draft:
    """The draft of a preview. What it leaves out, a stored schedule fills in, if one is named."""
    return change(PreviewFields, body) if "schedule_id" in body else new(PreviewFields, body)


def to_json(ahead: Ahead) -> AheadJson:
    """What a client reads."""
    return {
        "times": [
            {"due_at": time.due_at, "local": time.local.isoformat(), "remark": time.remark} for time in ahead.times
        ],
        "text": ahead.text,
        "density": _density(ahead.density) if ahead.density else None,
        "diff": _diff(ahead.diff) if ahead.diff else None,
    }


def _density(density: Density) -> Any:
    return asdict(density)


def _diff(diff: Diff) -> DiffJson:
    return {
        "until": diff.until,
        "complete": diff.complete,
        "added": _side(diff.added),
        "removed": _side(diff.removed),
    }


def _side(times: Sequence[datetime]) -> SideJson:
    return {"count": len(times), "times": list(times[:SHOWN])}
