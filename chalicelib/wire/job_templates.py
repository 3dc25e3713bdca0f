"""Job templates over the wire."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator
from typing_extensions import TypedDict

from chalicelib.wire.described import CreatedAt, UpdatedAt, sent, told
from chalicelib.wire.drafts import Wire
from chalicelib.wire.fields import LongText, Name, Object, ShortText
from shared.job import JobTemplate


class JobTemplateFields(Wire):
    """What a client may write of a preset."""

    required = ("name",)

    name: Name = sent("What you call it.", example="our hook")
    job_type: Annotated[ShortText, AfterValidator(str.lower)] = sent(
        "Of which type the preset is, for good: the name of a built-in template.", example="http"
    )
    description: LongText | None = sent("For people.")
    default_input: Object = sent(
        "What jobs of it are given where their own input says nothing.",
        example={"url": "https://example.org/hook", "method": "POST"},
    )


class JobTemplateJson(TypedDict):
    """A job type, or your preset of one."""

    id: int
    name: str
    job_type: str
    description: str | None
    built_in: Annotated[bool, told("Whether it is a job type itself, which cannot be changed.")]
    input_schema: Annotated[Mapping[str, Any], told("The JSON Schema of a job's input.")]
    default_input: Mapping[str, Any]
    created_at: CreatedAt
    updated_at: UpdatedAt


def to_json(template: JobTemplate) -> JobTemplateJson:
    """What a client reads."""
    return {
        "id": template.id,
        "name": template.name,
        "job_type": template.job_type,
        "description": template.description,
        "built_in": template.user_id is None,
        "input_schema": template.input_schema,
        "default_input": template.default_input,
        "created_at": template.created_at,
        "updated_at": template.updated_at,
    }
