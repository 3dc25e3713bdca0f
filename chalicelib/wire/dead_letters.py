"""Dead letters over the wire."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainValidator
from typing_extensions import TypedDict

from chalicelib.wire.described import sent, told, words
from chalicelib.wire.drafts import Wire
from chalicelib.wire.fields import Id, SearchText, SentInstant, no_bool
from chalicelib.wire.history import JobExecutionJson, TriggerJson, execution_to_json, trigger_to_json
from shared.manage.dead_letters import MAX_AT_ONCE, RATE, Chosen, DeadLetter

MAX_RATE = 100
STARTS = ("failed_job", "start")

Ids = Annotated[list[Id], Field(min_length=1, max_length=MAX_AT_ONCE)]


def _start(value: object) -> str:
    if value in STARTS:
        return str(value)
    raise ValueError("must be failed_job or start")


class DeadLetterFilters(Wire):
    """What a list can be narrowed by; ``from`` and ``to`` bound when it failed, ``to`` itself excluded."""

    schedule_id: Id = sent("Of this schedule only.")
    action_id: Id = sent("Of this action only.")
    since: SentInstant = sent("Those that failed then or later.", alias="from")
    until: SentInstant = sent("Those that failed before.", alias="to")
    q: SearchText = sent("Words in the reason, however they are capitalised.")


class DiscardFields(Wire):
    """Which dead letters."""

    ids: Ids = sent("The ids of triggers; or a filter.", example=[7])


class RetryFields(Wire):
    """From where a dead letter goes on, and with which inputs; a null ``input`` is the schedule's own."""

    start: Annotated[str, PlainValidator(_start), words(STARTS)] = sent(
        "failed_job (unless told otherwise): what completed is not run again. start: everything is.", alias="from"
    )
    input: dict[str, Any] | None = sent("Replaces the input of the run; null is the schedule's own.")
    job_input: dict[str, Any] = sent("Replaces the input of the job that failed, as it stands and without templates.")


class RedriveFields(RetryFields):
    """Which dead letters, from where, with which inputs, and how many of them in a second."""

    ids: Ids = sent("The ids of triggers; or a filter.", example=[7])
    rate: Annotated[int, BeforeValidator(no_bool), Field(ge=1, le=MAX_RATE)] = sent(
        f"So many in a second; {RATE} unless told otherwise."
    )


class DeadLetterJson(TriggerJson):
    """A trigger that failed for good, with everything that its jobs did."""

    failed_job_id: Annotated[int | None, told("The job that failed, of several the first one; null when it is gone.")]
    failure: Annotated[JobExecutionJson | None, told("What failed last.")]
    job_inputs: Annotated[Mapping[str, Any], told("Inputs that earlier redrives replaced, by the job's id.")]
    job_executions: Annotated[list[JobExecutionJson], told("All attempts of all jobs.")]


class SkippedJson(TypedDict):
    """One that did not change."""

    id: int
    reason: Annotated[str, told("Why not.")]


def dead_letter_to_json(found: DeadLetter) -> DeadLetterJson:
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


def skipped_to_json(chosen: Chosen) -> list[SkippedJson]:
    """Those that did not change, and why."""
    return [{"id": trigger_id, "reason": reason} for trigger_id, reason in chosen.skipped]
