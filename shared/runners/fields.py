"""Reading a job's input field by field; what is wrong becomes ``Invalid`` that names the field."""

import json
from collections.abc import Mapping

from shared.errors import Invalid
from shared.job import JsonObject, JsonValue


def as_object(job_input: JsonValue, example: str) -> JsonObject:
    """The input of a job type that needs named fields."""
    if not isinstance(job_input, Mapping):
        raise Invalid.field("input", f"it must be an object such as {example}")
    return job_input


def text(fields: JsonObject, name: str) -> str | None:
    """A text; None when the field is absent, null or empty."""
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise Invalid.field(name, "it must be text")
    return value or None


def required_text(fields: JsonObject, name: str) -> str:
    """A text that must be there."""
    value = text(fields, name)
    if value is None:
        raise Invalid.field(name, "it is missing")
    return value


def mapping(fields: JsonObject, name: str) -> JsonObject:
    """An object; empty when the field is absent or null."""
    value = fields.get(name)
    if value is None or value == "":
        return {}
    if not isinstance(value, Mapping):
        raise Invalid.field(name, "it must be an object")
    return value


def as_text(value: JsonValue) -> str:
    """Text as it is, anything else as JSON: 5 is ``5``, true is ``true``."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
