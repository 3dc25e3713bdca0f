"""Signing requests as Standard Webhooks does (https://www.standardwebhooks.com), so that a target can trust them.

Three headers: ``webhook-id``, the same for every attempt; ``webhook-timestamp``; and ``webhook-signature``, one
HMAC-SHA256 for each key, so that a target may go from one key to the next while both are signed with.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field, replace

from shared.errors import Invalid
from shared.job import JsonObject, JsonValue
from shared.runners import RunContext
from shared.runners.fields import mapping
from shared.runners.request import Request

PREFIX = "whsec_"
MAX_KEYS = 5
# The specification asks for 24 to 64 bytes.
MIN_KEY_BYTES, MAX_KEY_BYTES = 24, 64

# No patterns here: where a secret is named, its value is judged when it is there.
SIGNING_SCHEMA: JsonObject = {
    "type": ["object", "null"],
    "title": "Signing",
    "description": "Signs each request as Standard Webhooks does.",
    "properties": {
        "secret": {
            "type": ["string", "array"],
            "title": "Secret",
            "description": f"{PREFIX} and 24 to 64 bytes in base64; a list while one takes another's place.",
            "format": "password",
            "items": {"type": "string", "format": "password"},
            "maxItems": MAX_KEYS,
        },
    },
}


@dataclass(frozen=True, slots=True)
class Signing:
    """What requests are signed with."""

    keys: tuple[bytes, ...] = field(repr=False)

    @classmethod
    def parse(cls, fields: JsonObject) -> "Signing | None":
        """What ``signing`` of an input says; None without it. Raises ``Invalid`` that names ``signing.secret``."""
        signing = mapping(fields, "signing")
        if not signing:
            return None
        secret = signing.get("secret")
        if isinstance(secret, str) and secret:
            return cls((_key(secret, "signing.secret"),))
        if not isinstance(secret, list | tuple) or not 1 <= len(secret) <= MAX_KEYS:
            raise Invalid.field("signing.secret", f"give a secret, or a list of 1 to {MAX_KEYS}")
        return cls(tuple(_key(one, f"signing.secret[{position}]") for position, one in enumerate(secret)))

    def headers(self, body: bytes | None, context: RunContext) -> dict[str, str]:
        """The headers that go with a body."""
        assert context.at is not None, "a signature says when it was made"
        timestamp = str(int(context.at.timestamp()))
        signed = b".".join((context.idempotency_key.encode(), timestamp.encode(), body or b""))
        signatures = (base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in self.keys)
        return {
            "webhook-id": context.idempotency_key,
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
        }


def signed(request: Request, signing: Signing | None, context: RunContext) -> Request:
    """The request with its signature. After it was made of what a user wrote, who cannot set these headers."""
    if signing is None:
        return request
    return replace(request, headers={**request.headers, **signing.headers(request.body, context)})


def _key(secret: JsonValue, path: str) -> bytes:
    try:
        written = secret.removeprefix(PREFIX) if isinstance(secret, str) else ""
        key = base64.b64decode(written, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid.field(path, f"it must be {PREFIX} and base64") from error
    if not str(secret).startswith(PREFIX) or not MIN_KEY_BYTES <= len(key) <= MAX_KEY_BYTES:
        wanted = f"{PREFIX} and {MIN_KEY_BYTES} to {MAX_KEY_BYTES} bytes in base64"
        raise Invalid.field(path, f"it must be {wanted} (try: echo {PREFIX}$(openssl rand -base64 32))")
    return key
