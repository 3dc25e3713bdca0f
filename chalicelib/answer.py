"""What a view answers, and how it is written as JSON."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from chalice import Response

# Answers are one caller's own: no proxy or browser may keep them, and none may guess at their type.
_ALWAYS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a body: an object that is written as JSON, or text that is sent as it is."""

    body: Mapping[str, Any] | str
    status: HTTPStatus = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The body as it is sent."""
        return self.body if isinstance(self.body, str) else to_json(self.body)

    def response(self) -> Any:
        """The same for Chalice."""
        return Response(self.text, {**_ALWAYS, **_JSON, **self.headers}, self.status.value)


def to_json(body: Mapping[str, Any]) -> str:
    """Compact JSON; instants in UTC as RFC 3339 writes them."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False, default=_plain)


def rfc3339(instant: datetime) -> str:
    """``2030-01-31T09:00:00Z``"""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} has no place in an answer")
