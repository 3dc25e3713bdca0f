"""Job templates over the wire."""

from typing import Annotated, Any

from pydantic import AfterValidator

from chalicelib.wire.drafts import ABSENT, Wire
from chalicelib.wire.fields import LongText, Name, Object, ShortText
from shared.job import JobTemplate


class JobTemplateFields(Wire):
    """What a client may write of a preset."""

    required = ("name",)

    name: Name = ABSENT
    job_type: Annotated[ShortText, AfterValidator(str.lower)] = ABSENT
    description: LongText | None = ABSENT
    default_input: Object = ABSENT


def to_json(template: JobTemplate) -> dict[str, Any]:
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
