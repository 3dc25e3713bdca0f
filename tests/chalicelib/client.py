"""A client of the API: events as an HTTP API sends them go into the handler, and its answers come back parsed.

Each answer has to be as the OpenAPI document says.
"""

import base64
import json
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from functions.api import answer
from tests.chalicelib.agreement import check_answer

BASE = "/api/cronny/v1"


@dataclass(frozen=True)
class Answered:
    """A status, headers with names in lower case, and the body."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def fields(self) -> dict[str, str]:
        """The faults of a problem by their field."""
        return {fault["field"]: fault["message"] for fault in self.json["errors"]}


@dataclass(frozen=True)
class Client:
    """Somebody who calls; with a token once signed in."""

    app: Any
    headers: dict[str, str] = field(default_factory=dict)
    address: str = ""

    def at(self, address: str) -> "Client":
        """The same from elsewhere."""
        return replace(self, address=address)

    def bearing(self, token: str) -> "Client":
        return replace(self, headers={"authorization": f"Bearer {token}"})

    def sending(self, **headers: str) -> "Client":
        """The same with these headers; a hyphen in a name is an underscore here."""
        return replace(self, headers={**self.headers, **{name.replace("_", "-"): to for name, to in headers.items()}})

    def get(self, path: str, **query: Any) -> Answered:
        return self.send("GET", path, query=query)

    def post(self, path: str, body: Any = None) -> Answered:
        return self.send("POST", path, body)

    def put(self, path: str, body: Any) -> Answered:
        return self.send("PUT", path, body)

    def patch(self, path: str, body: Any) -> Answered:
        return self.send("PATCH", path, body)

    def delete(self, path: str) -> Answered:
        return self.send("DELETE", path)

    def send(self, method: str, path: str, body: Any = None, query: Any = None) -> Answered:
        """``body``: text and bytes go as they are, else as JSON. Paths without a slash: below the base path."""
        text = body if isinstance(body, str | bytes) or body is None else json.dumps(body)
        whole = path.startswith("/")
        path = path if whole else f"{BASE}/{path}"
        event = payload_2(method, path, text, query)
        if self.address:
            event["requestContext"]["http"]["sourceIp"] = self.address
        got = answered(self.app, {**event, "headers": {**event["headers"], **self.headers}})
        check_answer(method, path, got.status, got.headers, got.text)
        return got


def payload_2(method: str, path: str, body: str | bytes | None = None, query: Any = None) -> dict[str, Any]:
    """An event as an HTTP API with payload format 2.0 makes it."""
    event: dict[str, Any] = {
        "version": "2.0",
        "rawPath": "/" + path.lstrip("/"),
        "rawQueryString": urlencode(query or {}, doseq=True),
        "headers": {"content-type": "application/json"},
        "requestContext": {"http": {"method": method}, "stage": "$default", "requestId": "request-1"},
        "isBase64Encoded": isinstance(body, bytes),
    }
    if body is not None:
        event["body"] = base64.b64encode(body).decode() if isinstance(body, bytes) else body
    return event


def answered(app: Any, event: dict[str, Any]) -> Answered:
    """What the handler answers to an event."""
    got = answer(app, event, None)
    return Answered(got["statusCode"], {name.lower(): value for name, value in got["headers"].items()}, got["body"])
