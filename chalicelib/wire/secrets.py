"""Secrets over the wire: the value comes in and never goes out."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, StringConstraints, WithJsonSchema
from typing_extensions import TypedDict

from chalicelib.wire.described import CreatedAt, UpdatedAt, sent, told
from chalicelib.wire.drafts import Wire
from chalicelib.wire.fields import LongText, SearchText
from shared.secret import MAX_BYTES, MIN_CHARACTERS, NAME, Secret

_NAME_SCHEMA = {"type": "string", "pattern": f"^{NAME.pattern}$"}
_VALUE_SCHEMA = {"type": "string", "minLength": MIN_CHARACTERS, "maxLength": MAX_BYTES, "format": "password"}


def _name(value: str) -> str:
    if not NAME.fullmatch(value):
        raise ValueError("must be 1 to 100 letters (A to Z), digits and underscores, and not begin with a digit")
    return value


def _value(value: str) -> str:
    if len(value) < MIN_CHARACTERS:
        raise ValueError(f"must have at least {MIN_CHARACTERS} characters: shorter ones cannot be redacted")
    if len(value.encode()) > MAX_BYTES:
        raise ValueError(f"may have {MAX_BYTES} bytes at most")
    return value


class SecretFields(Wire):
    """What a client may write."""

    required = ("name", "value")

    name: Annotated[
        str, StringConstraints(strip_whitespace=True), AfterValidator(_name), WithJsonSchema(_NAME_SCHEMA)
    ] = sent("Unique among yours; jobs name it as {{ secrets.NAME }}.", example="WEBHOOK_TOKEN")
    description: LongText | None = sent("What it is for.")
    value: Annotated[str, AfterValidator(_value), WithJsonSchema(_VALUE_SCHEMA)] = sent(
        f"Written, never read; {MAX_BYTES // 1024} KB at most.", example="a value that nobody is shown again"
    )


class SecretFilters(Wire):
    """What a list can be narrowed by."""

    q: SearchText = sent("A part of the name.")


class SecretJson(TypedDict):
    """A secret, without its value."""

    id: int
    name: str
    description: str | None
    created_at: CreatedAt
    updated_at: UpdatedAt
    last_used_at: Annotated[datetime | None, told("When a run began whose jobs name it, exact to the minute.")]


def to_json(secret: Secret) -> SecretJson:
    """What a client reads."""
    return {
        "id": secret.id,
        "name": secret.name,
        "description": secret.description,
        "created_at": secret.created_at,
        "updated_at": secret.updated_at,
        "last_used_at": secret.last_used_at,
    }
