"""API keys over the wire. The secret goes out once, and never comes in here."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema
from typing_extensions import TypedDict

from chalicelib.wire.described import CreatedAt, sent, told
from chalicelib.wire.drafts import Wire
from chalicelib.wire.fields import Instant, ShortText
from shared.identity import GRANTABLE, ApiKey, Scope

_SCOPES = {"type": "array", "minItems": 1, "items": {"enum": list(GRANTABLE)}}


def _scopes(value: list[str]) -> list[Scope]:
    wrong = [scope for scope in value if scope not in GRANTABLE]
    if wrong or not value:
        raise ValueError("must be some of " + ", ".join(GRANTABLE))
    return [scope for scope in GRANTABLE if scope in value]


class ApiKeyFields(Wire):
    """What a key's owner says of it."""

    required = ("name", "scopes")

    name: ShortText = sent("What you call it.", example="ci")
    scopes: Annotated[
        list[str], Field(max_length=20), AfterValidator(_scopes), WithJsonSchema({**_SCOPES, "maxItems": 20})
    ] = sent(
        "What it may do: read is every GET and previews, write makes and changes things, run starts and stops runs.",
        example=["read", "run"],
    )
    expires_at: Instant | None = sent("From then on the key is refused; null is never.")


class ApiKeyJson(TypedDict):
    """An API key, without its secret."""

    id: int
    name: str
    scopes: list[Scope]
    expires_at: datetime | None
    last_used_at: Annotated[datetime | None, told("When it was last used, exact to the minute.")]
    created_at: CreatedAt


def to_json(key: ApiKey) -> ApiKeyJson:
    """What a key's owner reads of it."""
    return {
        "id": key.id,
        "name": key.name,
        "scopes": list(key.scopes),
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "created_at": key.created_at,
    }
