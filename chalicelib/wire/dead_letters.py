"""Dead letters over the wire."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainValidator

from chalicelib.wire.drafts import ABSENT, Wire
from chalicelib.wire.fields import Id, SearchText, SentInstant, no_bool
from chalicelib.wire.history import execution_to_json, trigger_to_json
from shared.manage.dead_letters import MAX_AT_ONCE, Chosen, DeadLetter

MAX_RATE = 100


def _start(value: object) -> str:
    if value in ("failed_job", "start"):
        return str(value)
    raise ValueError("must be failed_job or start")


class DeadLetterFilters(Wire):
    """What a list can be narrowed by; ``from`` and ``to`` bound when it failed, ``to`` itself excluded."""

    schedule_id: Id = ABSENT
    action_id: Id = ABSENT
    since: SentInstant = Field(ABSENT, alias="from")
    until: SentInstant = Field(ABSENT, alias="to")
    q: SearchText = ABSENT


class DiscardFields(Wire):
    """Which dead letters."""

    ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_AT_ONCE)] = ABSENT


class RetryFields(Wire):
    """From where a dead letter goes on, and with which inputs; a null ``input`` is the schedule's own."""

    start: Annotated[str, PlainValidator(_start)] = Field(ABSENT, alias="from")
    input: dict[str, Any] | None = ABSENT
    job_input: dict[str, Any] = ABSENT


class RedriveFields(RetryFields):
    """Which dead letters, from where, with which inputs, and how many of them in a second."""

    ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_AT_ONCE)] = ABSENT
    rate: Annotated[int, BeforeValidator(no_bool), Field(ge=1, le=MAX_RATE)] = ABSENT


def dead_letter_to_json(found: DeadLetter) -> dict[str, Any]:
    """What a client reads of one dead letter."""
    failure = found.failure
    failed = None if failure is None else execution_to_json(failure)
    return {
        **trigger_to_json(found.trigger),
        "failed_job_id": found.failed_job_id,
        "failure": failed,
        "job_inputs": found.job_inputs,
        "job_executions": [execution_to_json(recorded) for recorded in found.job_executions],
    }


def skipped_to_json(chosen: Chosen) -> list[dict[str, Any]]:
    """Those that did not change, and why."""
    return [{"id": trigger_id, "reason": reason} for trigger_id, reason in chosen.skipped]
