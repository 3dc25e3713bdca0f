"""Trying out jobs over the wire."""

from typing import Annotated, Any

from pydantic import PlainValidator, ValidationInfo, field_validator

from chalicelib.wire.drafts import ABSENT, Faulty, Wire
from chalicelib.wire.fields import Id, storable
from chalicelib.wire.jobs import JobType, read_input_type
from shared import inputs
from shared.errors import Invalid
from shared.job import JobInputType
from shared.manage.trials import Previewed, parse_samples
from shared.trial import Samples, Tried


def _samples(value: Any) -> Samples:
    try:
        return parse_samples(value)
    except Invalid as error:
        raise Faulty(error.faults) from error


SampleFields = Annotated[Any, PlainValidator(_samples)]


class TrialFields(Wire):
    """What a test may be given: an input in the place of the stored one, and what templates find."""

    input: Any = ABSENT
    samples: SampleFields = ABSENT


class PreviewFields(Wire):
    """A stored job, or the fields of one, and what templates find."""

    job_id: Id | None = ABSENT
    job_type: JobType | None = ABSENT
    job_input_type: Annotated[JobInputType, PlainValidator(read_input_type)] = ABSENT
    job_input_value: Any = ABSENT
    samples: SampleFields = ABSENT

    @field_validator("job_input_value", mode="after")
    @classmethod
    def _parsed(cls, value: Any, info: ValidationInfo) -> Any:
        try:
            parsed = inputs.parse(value, info.data.get("job_input_type") or JobInputType.STATIC)
            return storable(parsed, inputs.FIELD)
        except Invalid as error:
            raise ValueError(error.faults[0].message) from error


def outcome_to_json(tried: Tried) -> dict[str, Any]:
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


def preview_to_json(previewed: Previewed) -> dict[str, Any]:
    """What a client reads of an input."""
    return {
        "input": previewed.input,
        "host": previewed.host,
        "faults": [{"field": fault.field, "message": fault.message} for fault in previewed.faults],
    }
