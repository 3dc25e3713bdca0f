"""Asking for runs, and for changes of many schedules, over the wire."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainValidator

from chalicelib.wire.drafts import ABSENT, Wire
from chalicelib.wire.fields import Id, SentInstant, no_bool, one_of
from shared.manage.bulk import MAX_SCHEDULES, BulkAction, BulkResult
from shared.manage.runs import MAX_BACKFILL, Backfilled, Policy


def _policy(value: object) -> Policy:
    if value in ("all", "latest"):
        return "all" if value == "all" else "latest"
    step = value.get("every") if isinstance(value, Mapping) and set(value) == {"every"} else None
    if isinstance(step, int) and not isinstance(step, bool) and 1 <= step <= MAX_BACKFILL:
        return step
    raise ValueError(f'must be "all", "latest" or {{"every": n}} with n from 1 to {MAX_BACKFILL}')


class RunFields(Wire):
    """What a run now may be given; null is the schedule's own input."""

    input: dict[str, Any] | None = ABSENT


class BackfillFields(Wire):
    """Which due times to run after all; ``to`` itself excluded."""

    required = ("from", "to")

    since: SentInstant = Field(ABSENT, alias="from")
    until: SentInstant = Field(ABSENT, alias="to")
    policy: Annotated[Any, PlainValidator(_policy)] = ABSENT
    limit: Annotated[int, BeforeValidator(no_bool), Field(ge=1, le=MAX_BACKFILL)] = ABSENT


class BulkFields(Wire):
    """What to do to which schedules."""

    required = ("action",)

    action: Annotated[BulkAction, PlainValidator(one_of(BulkAction))] = ABSENT
    ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_SCHEDULES)] = ABSENT


def backfill_to_json(done: Backfilled) -> dict[str, Any]:
    """What a client reads."""
    return {
        "due": done.due,
        "decided": done.decided,
        "created": done.created,
        "first_due_at": done.first_due_at,
        "last_due_at": done.last_due_at,
    }


def bulk_to_json(result: BulkResult) -> dict[str, Any]:
    """What a client reads."""
    return {
        "matched": result.matched,
        "changed": result.changed,
        "unchanged": result.unchanged,
        "failed": len(result.failures),
        "failures": [{"id": schedule_id, "message": message} for schedule_id, message in result.failures],
    }
