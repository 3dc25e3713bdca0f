"""Asking for runs, and for changes of many schedules, over the wire."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, WithJsonSchema
from typing_extensions import TypedDict

from chalicelib.wire.described import Schema, sent, told, words
from chalicelib.wire.drafts import Wire
from chalicelib.wire.fields import Id, Instant, SentInstant, ShortText, no_bool, one_of
from shared.manage.bulk import MAX_SCHEDULES, BulkAction, BulkResult
from shared.manage.runs import MAX_BACKFILL, Backfilled, Policy

_EVERY: Schema = {
    "type": "object",
    "required": ["every"],
    "properties": {"every": {"type": "integer", "minimum": 1, "maximum": MAX_BACKFILL}},
    "additionalProperties": False,
}
_POLICY: Schema = {"anyOf": [{"enum": ["all", "latest"]}, _EVERY]}


def _policy(value: object) -> Policy:
    if value in ("all", "latest"):
        return "all" if value == "all" else "latest"
    step = value.get("every") if isinstance(value, Mapping) and set(value) == {"every"} else None
    if isinstance(step, int) and not isinstance(step, bool) and 1 <= step <= MAX_BACKFILL:
        return step
    raise ValueError(f'must be "all", "latest" or {{"every": n}} with n from 1 to {MAX_BACKFILL}')


class RunFields(Wire):
    """What a run now may be given; null is the schedule's own input."""

    input: dict[str, Any] | None = sent("Used in place of the schedule's own.", example={"dry": True})


class BackfillFields(Wire):
    """Which due times to run after all; ``to`` itself excluded."""

    required = ("from", "to")

    since: SentInstant = sent("Due then or later.", alias="from", example="2026-01-01T00:00:00Z")
    until: SentInstant = sent("Due before; not in the future.", alias="to", example="2026-01-02T00:00:00Z")
    policy: Annotated[Any, PlainValidator(_policy), WithJsonSchema(_POLICY)] = sent(
        "All of them (unless told otherwise), the latest, or every n-th."
    )
    limit: Annotated[int, BeforeValidator(no_bool), Field(ge=1, le=MAX_BACKFILL)] = sent(
        "More than this is refused, with their number."
    )


class PauseFields(Wire):
    """What may be said of a pause."""

    pause_note: Annotated[ShortText | None, AfterValidator(lambda note: note or None)] = sent(
        "Why, for people: shown with the schedule, and in the reasons of what the pause cancels.",
        alias="note",
        example="maintenance",
    )
    resume_at: Instant = sent("When it goes on by itself, in the future; null is never.")


class BulkFields(PauseFields):
    """What to do to which schedules; the note and the end are those of a pause."""

    required = ("action",)

    action: Annotated[BulkAction, PlainValidator(one_of(BulkAction)), words(BulkAction)] = sent(
        "What to do to each of them.", example="pause"
    )
    ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_SCHEDULES)] = sent(
        "The ids of schedules; or a filter.", example=[1]
    )


class BackfilledJson(TypedDict):
    """What became of a backfill."""

    due: Annotated[int, told("How many due times there are in the range.")]
    decided: Annotated[int, told("How many of them were decided before.")]
    created: Annotated[int, told("How many will run.")]
    first_due_at: Annotated[datetime | None, told("The first that will run.")]
    last_due_at: Annotated[datetime | None, told("The last that will run.")]


class FailureJson(TypedDict):
    """A schedule that did not change."""

    id: int
    message: Annotated[str, told("Why not.")]


class BulkJson(TypedDict):
    """What became of a change of many schedules."""

    matched: Annotated[int, told("How many were meant.")]
    changed: Annotated[int, told("How many changed.")]
    unchanged: Annotated[int, told("How many were so already.")]
    failed: Annotated[int, told("How many could not be changed.")]
    failures: Annotated[list[FailureJson], told("Those that could not be changed.")]


def backfill_to_json(done: Backfilled) -> BackfilledJson:
    """What a client reads."""
    return {
        "due": done.due,
        "decided": done.decided,
        "created": done.created,
        "first_due_at": done.first_due_at,
        "last_due_at": done.last_due_at,
    }


def bulk_to_json(result: BulkResult) -> BulkJson:
    """What a client reads."""
    return {
        "matched": result.matched,
        "changed": result.changed,
        "unchanged": result.unchanged,
        "failed": len(result.failures),
        "failures": [{"id": schedule_id, "message": message} for schedule_id, message in result.failures],
    }
