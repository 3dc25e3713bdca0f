"""API keys over the wire. The secret goes out once, and never comes in here."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from chalicelib.wire.drafts import ABSENT, Wire
from chalicelib.wire.fields import Instant, ShortText
from shared.identity import GRANTABLE, ApiKey, Scope


def _scopes(value: list[str]) -> list[Scope]:
    wrong = [scope for scope in value if scope not in GRANTABLE]
    if wrong or not value:
        raise ValueError("must be some of " + ", ".join(GRANTABLE))
    return [scope for scope in GRANTABLE if scope in value]


class ApiKeyFields(Wire):
    """What a key's owner says of it."""

    required = ("name", "scopes")

    name: ShortText = ABSENT
    scopes: Annotated[list[str], Field(max_length=20), AfterValidator(_scopes)] = ABSENT
    expires_at: Instant | None = ABSENT


def to_json(key: ApiKey) -> dict[str, Any]:
    """What a key's owner reads of it."""
    return {
        "id": key.id,
        "name": key.name,
        "scopes": list(key.scopes),
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "created_at": key.created_at,
    }
