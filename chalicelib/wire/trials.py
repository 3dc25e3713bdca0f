"""Trying out jobs over the wire."""

from typing import Annotated, Any

from pydantic import PlainValidator, ValidationInfo, WithJsonSchema, field_validator
from typing_extensions import TypedDict

from chalicelib.problems import FaultJson
from chalicelib.wire.described import sent, told, words
from chalicelib.wire.drafts import Faulty, Wire
from chalicelib.wire.fields import Id, storable
from chalicelib.wire.jobs import JOB_INPUT, JobType, read_input_type
from shared import inputs
from shared.errors import Invalid
from shared.job import JobInputType
from shared.manage.trials import Previewed, parse_samples
from shared.outcome import ExecutionStatus, FailureKind
from shared.trial import Samples, Tried


def _samples(value: Any) -> Samples:
    try:
        return parse_samples(value)
    except Invalid as error:
        raise Faulty(error.faults) from error


SAMPLES = {
    "type": "object",
    "properties": {
        "jobs": {"type": "object", "additionalProperties": {"type": "object"}},
        "schedule": {"type": "object"},
        "trigger": {"type": "object"},
    },
}
SampleFields = Annotated[Any, PlainValidator(_samples), WithJsonSchema(SAMPLES)]
_SAMPLES = "What templates find: the outputs of other jobs by their name, the schedule, the trigger."


class TrialFields(Wire):
    """What a test may be given: an input in the place of the stored one, and what templates find."""

    input: Annotated[Any, WithJsonSchema(JOB_INPUT)] = sent("Takes the place of the stored input, for this once.")
    samples: SampleFields = sent(_SAMPLES)


class InputPreviewFields(Wire):
    """A stored job, or the fields of one, and what templates find."""

    job_id: Id | None = sent("A stored job; or job_type.")
    job_type: JobType | None = sent("The name of a built-in job template; or job_id.", example="http")
    job_input_type: Annotated[JobInputType, PlainValidator(read_input_type), words(JobInputType)] = sent(
        "As a job has it; of a stored job, what it has."
    )
    job_input_value: Annotated[Any, WithJsonSchema(JOB_INPUT)] = sent(
        "As a job has it; of a stored job, what it has.", example={"url": "https://example.org/hook"}
    )
    samples: SampleFields = sent(_SAMPLES)

    @field_validator("job_input_value", mode="after")
    @classmethod
    def _parsed(cls, value: Any, info: ValidationInfo) -> Any:
        try:
            parsed = inputs.parse(value, info.data.get("job_input_type") or JobInputType.STATIC)
            return storable(parsed, inputs.FIELD)
        except Invalid as error:
            raise ValueError(error.faults[0].message) from error


class TrialTimings(TypedDict):
    """Times, in seconds."""

    total: Annotated[float, told("From the call to its end.")]


class OutcomeJson(TypedDict):
    """What came of a test."""

    status: Annotated[ExecutionStatus, told("completed or failed.")]
    input: Annotated[Any, told("What the job got, without secrets.")]
    output: Annotated[Any, told("What came of it; for http the status, headers and body.")]
    error: Annotated[str | None, told("Why it failed.")]
    failure: Annotated[FailureKind | None, told("What kind of failure it was.")]
    timings: Annotated[TrialTimings, told("How long it took.")]


class InputPreviewJson(TypedDict):
    """The input that a job would get."""

    input: Annotated[Any, told("The input with its templates filled in, without secrets.")]
    host: Annotated[str | None, told("Whom it would call, as host:port; null when it does not say.")]
    faults: Annotated[list[FaultJson], told("Why its type would not take it.")]


class InputPreviewAnswer(TypedDict):
    """The whole answer."""

    preview: Annotated[InputPreviewJson, told("The input, and what is known of it.")]


def outcome_to_json(tried: Tried) -> OutcomeJson:
    """What a client reads of a test."""
    outcome = tried.outcome
    return {
        "status": outcome.status,
        "input": tried.input,
        "output": outcome.output,
        "error": outcome.error,
        "failure": outcome.failure,
        "timings": {"total": round(tried.seconds, 4)},
    }


def preview_to_json(previewed: Previewed) -> InputPreviewJson:
    """What a client reads of an input."""
    return {
        "input": previewed.input,
        "host": previewed.host,
        "faults": [{"field": fault.field, "message": fault.message} for fault in previewed.faults],
    }
