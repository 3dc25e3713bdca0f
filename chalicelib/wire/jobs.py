"""Jobs over the wire."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from typing_extensions import TypedDict

from chalicelib.wire.conditions import CONDITION, RETRY
from chalicelib.wire.described import CreatedAt, UpdatedAt, nullable, sent, told, words
from chalicelib.wire.drafts import Faulty, Wire
from chalicelib.wire.fields import Id, Name, ShortText, no_bool, one_of, storable
from chalicelib.wire.filters import NameFilters
from shared import conditions, inputs, retry
from shared.errors import Invalid
from shared.job import DEFAULT_TIMEOUT_SECONDS, MAX_TIMEOUT_SECONDS, Condition, Delivery, JobInputType
from shared.retry import RetryPolicy
from shared.store.jobs import StoredJob

read_input_type = one_of(JobInputType)
read_delivery = one_of(Delivery)


def _condition(value: Any) -> Condition:
    try:
        condition = conditions.parse(value)
    except Invalid as error:
        raise Faulty(error.faults) from error
    storable(conditions.to_json(condition), "condition")
    return condition


def _retry(value: Any) -> RetryPolicy | None:
    try:
        return retry.parse(value)
    except Invalid as error:
        raise Faulty(error.faults) from error


def _delivery(value: Any) -> Delivery:
    return Delivery.AT_LEAST_ONCE if value is None else read_delivery(value)


JobType = Annotated[ShortText, AfterValidator(str.lower)]
# Filled in with the schemas of the job types where the document is made.
JOB_INPUT: dict[str, Any] = {"x-job-input": True}


class JobFields(Wire):
    """What a client may write. Input and condition may also come as the text of their JSON."""

    required = ("name", "action_id")

    name: Name = sent("Unique within the action.", example="call")
    action_id: Id = sent("The action that it is a step of, for good.", example=1)
    job_template_id: Id | None = sent("The job template that it is made from; or job_type.")
    job_type: JobType | None = sent("The name of a built-in job template; or job_template_id.", example="http")
    job_input_type: Annotated[JobInputType, PlainValidator(read_input_type), words(JobInputType)] = sent(
        "Whether the input is used as it is (unless told otherwise), another job's output, or has {{ JMESPath }} in it."
    )
    job_input_value: Annotated[Any, WithJsonSchema(JOB_INPUT)] = sent(
        "What the job is given: JSON that suits its type's schema, or the text of JSON.",
        example={"method": "POST", "url": "https://example.org/hook", "request_body": {"hello": "world"}},
    )
    condition: Annotated[
        Any, PlainValidator(_condition), WithJsonSchema({"anyOf": [CONDITION, {"type": ["string", "null"]}]})
    ] = sent("Which job follows, or null; JSON, or the text of JSON.")
    is_root_job: bool = sent("Where the chain begins; the first job of an action is its root unless you say otherwise.")
    job_timeout_in_secs: Annotated[
        Annotated[int, Field(ge=1, le=MAX_TIMEOUT_SECONDS)] | None,
        BeforeValidator(no_bool),
        AfterValidator(lambda seconds: DEFAULT_TIMEOUT_SECONDS if seconds is None else seconds),
    ] = sent(f"How long it may take; null is {DEFAULT_TIMEOUT_SECONDS}.")
    retry: Annotated[Any, PlainValidator(_retry), WithJsonSchema(nullable(RETRY))] = sent(
        "How often it is tried again, and when; null means that a failure is final."
    )
    delivery: Annotated[Any, PlainValidator(_delivery), words(Delivery, null=True)] = sent(
        "What is worse for the target: a job that comes twice (at_most_once), or one that may be lost (at_least_once)."
    )

    @field_validator("job_input_value", mode="after")
    @classmethod
    def _parsed(cls, value: Any, info: ValidationInfo) -> Any:
        if value is None:
            return {}
        try:
            parsed = inputs.parse(value, info.data.get("job_input_type") or JobInputType.STATIC)
            return storable(parsed, inputs.FIELD)
        except Invalid as error:
            raise ValueError(error.faults[0].message) from error


class JobFilters(NameFilters):
    """Whose jobs to list."""

    required = ("action_id",)

    action_id: Id = sent("The action whose jobs to list.", example=1)


class JobJson(TypedDict):
    """One step of an action."""

    id: int
    action_id: int
    name: str
    job_type: str
    job_template_id: int
    job_input_type: JobInputType
    job_input_value: Annotated[Any, told("What the job is given.")]
    condition: Annotated[
        Mapping[str, Any] | None, WithJsonSchema(nullable(CONDITION)), told("Which job follows; null: none.")
    ]
    is_root_job: bool
    job_timeout_in_secs: int
    retry: Annotated[Mapping[str, object] | None, WithJsonSchema(nullable(RETRY))]
    delivery: Delivery
    created_at: CreatedAt
    updated_at: UpdatedAt


def to_json(stored: StoredJob) -> JobJson:
    """What a client reads."""
    job = stored.job
    return {
        "id": job.id,
        "action_id": stored.action_id,
        "name": job.name,
        "job_type": job.job_type,
        "job_template_id": stored.job_template_id,
        "job_input_type": job.job_input_type,
        "job_input_value": job.job_input_value,
        "condition": conditions.to_json(job.condition),
        "is_root_job": job.is_root_job,
        "job_timeout_in_secs": job.job_timeout_in_secs,
        "retry": retry.to_json(job.retry),
        "delivery": job.delivery,
        "created_at": stored.created_at,
        "updated_at": stored.updated_at,
    }
