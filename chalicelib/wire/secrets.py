"""Secrets over the wire: the value comes in and never goes out."""

from typing import Annotated, Any

from pydantic import AfterValidator, StringConstraints

from chalicelib.wire.drafts import ABSENT, Wire
from chalicelib.wire.fields import LongText, SearchText
from shared.secret import MAX_BYTES, MIN_CHARACTERS, NAME, Secret


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

    name: Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_name)] = ABSENT
    description: LongText | None = ABSENT
    value: Annotated[str, AfterValidator(_value)] = ABSENT


class SecretFilters(Wire):
    """What a list can be narrowed by."""

    q: SearchText = ABSENT


def to_json(secret: Secret) -> dict[str, Any]:
    """What a client reads."""
    return {
        "id": secret.id,
        "name": secret.name,
        "description": secret.description,
        "created_at": secret.created_at,
        "updated_at": secret.updated_at,
        "last_used_at": secret.last_used_at,
    }
