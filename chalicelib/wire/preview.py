"""Looking ahead over the wire."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from chalicelib.wire.drafts import ABSENT, Wire, change, new
from chalicelib.wire.fields import Id, SentInstant, no_bool
from chalicelib.wire.schedules import ScheduleFields
from shared.job import JsonObject
from shared.manage.draft import Draft
from shared.manage.preview import MAX_COUNT, Ahead
from shared.preview import SHOWN, Diff

Amount = Annotated[int, BeforeValidator(no_bool), Field(ge=1, le=MAX_COUNT)]


class PreviewFields(ScheduleFields):
    """The fields of a schedule, and what to show of it."""

    required = ("schedule_type", "schedule_value")

    since: SentInstant = Field(ABSENT, alias="from")
    count: Amount = ABSENT
    schedule_id: Id = ABSENT


class NextQuery(Wire):
    """How far to look; of a query, so a number as text."""

    count: Annotated[int, Field(ge=1, le=MAX_COUNT)] = ABSENT


def read(body: JsonObject) -> Draft:
    """The draft of a preview. What it leaves out, a stored schedule fills in, if one is named."""
    return change(PreviewFields, body) if "schedule_id" in body else new(PreviewFields, body)


def to_json(ahead: Ahead) -> dict[str, Any]:
    """What a client reads."""
    return {
        "times": [
            {"due_at": time.due_at, "local": time.local.isoformat(), "remark": time.remark} for time in ahead.times
        ],
        "text": ahead.text,
        "density": asdict(ahead.density) if ahead.density else None,
        "diff": _diff(ahead.diff) if ahead.diff else None,
    }


def _diff(diff: Diff) -> dict[str, Any]:
    return {
        "until": diff.until,
        "complete": diff.complete,
        "added": _side(diff.added),
        "removed": _side(diff.removed),
    }


def _side(times: Sequence[datetime]) -> dict[str, Any]:
    return {"count": len(times), "times": list(times[:SHOWN])}
