"""Jobs over the wire."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, ValidationInfo, field_validator

from chalicelib.wire.drafts import ABSENT, Faulty, Wire
from chalicelib.wire.fields import Id, Name, ShortText, no_bool, one_of, storable
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


class JobFields(Wire):
    """What a client may write. Input and condition may also come as the text of their JSON."""

    required = ("name", "action_id")

    name: Name = ABSENT
    action_id: Id = ABSENT
    job_template_id: Id | None = ABSENT
    job_type: JobType | None = ABSENT
    job_input_type: Annotated[JobInputType, PlainValidator(read_input_type)] = ABSENT
    job_input_value: Any = ABSENT
    condition: Annotated[Any, PlainValidator(_condition)] = ABSENT
    is_root_job: bool = ABSENT
    job_timeout_in_secs: Annotated[
        Annotated[int, Field(ge=1, le=MAX_TIMEOUT_SECONDS)] | None,
        BeforeValidator(no_bool),
        AfterValidator(lambda seconds: DEFAULT_TIMEOUT_SECONDS if seconds is None else seconds),
    ] = ABSENT
    retry: Annotated[Any, PlainValidator(_retry)] = ABSENT
    delivery: Annotated[Any, PlainValidator(_delivery)] = ABSENT

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


class JobFilters(Wire):
    """Whose jobs to list."""

    required = ("action_id",)

    action_id: Id = ABSENT


def to_json(stored: StoredJob) -> dict[str, Any]:
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
