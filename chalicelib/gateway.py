"""Between Lambda's HTTP events and Chalice.

Chalice 1.34 routes by ``requestContext.resourcePath`` alone, which only a REST API with one resource per route sends.
So the path is matched here, and every kind of event (HTTP API payload 2.0 and 1.0, REST proxy, function URL) becomes
the one that Chalice knows.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote
from uuid import uuid4

from chalicelib.bodies import MAX_BYTES, check_size
from chalicelib.problems import BadRequest, MethodNotAllowed, TooLarge, problem
from shared.errors import NotFound

Event = Mapping[str, Any]
Parameters = dict[str, str]

_TRACEPARENT = re.compile(r"[\da-f]{2}-([\da-f]{32})-[\da-f]{16}-[\da-f]{2}")  # W3C Trace Context


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What all kinds of event have in common. Header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, list[str]]
    body: bytes | None
    trace_id: str
    address: str = ""

    @property
    def asks_as(self) -> str:
        """The method of the view that answers: HEAD is a GET whose body is not sent (RFC 9110, 9.3.2)."""
        return "GET" if self.method == "HEAD" else self.method


@dataclass(frozen=True, slots=True)
class Served:
    """An answer in the shape that all kinds of integration accept, and what a log tells about it."""

    answer: dict[str, Any]
    facts: dict[str, Any]


def serve(app: Any, event: Event, context: object) -> Served:
    """The application's answer to an event; for a path or a method that it does not have, a problem."""
    method, pattern, trace_id = "", "", uuid4().hex
    try:
        request = read_event(event)
        method, trace_id = request.method, request.trace_id
        pattern, given = _route(app.routes, request)
        answer = app(_rest_event(request, pattern, given), context)
    except (BadRequest, NotFound, MethodNotAllowed, TooLarge) as error:
        answer = problem(error, trace_id).response().to_dict()
    facts = {"method": method, "route": pattern, "status": answer["statusCode"], "trace_id": trace_id}
    if method == "HEAD":
        answer = _without_body(answer)
    kept = {name: answer[name] for name in ("statusCode", "headers", "body")}
    return Served({**kept, "isBase64Encoded": False}, facts)


def _without_body(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The same as its headers alone; they say how long the body would be, where there would be one."""
    length = {"Content-Length": str(len(answer["body"].encode()))} if answer["body"] else {}
    return {**answer, "headers": {**answer["headers"], **length}, "body": ""}


def read_event(event: Event) -> HttpRequest:
    """The request in an event; raises ``BadRequest`` for one that has none, ``TooLarge``."""
    try:
        return _payload_2(event) if "rawPath" in event else _payload_1(event)
    except (KeyError, TypeError, AttributeError, binascii.Error, ValueError) as error:
        raise BadRequest("This is not an HTTP request.") from error


def _payload_2(event: Event) -> HttpRequest:
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    query = parse_qs(event.get("rawQueryString") or "", keep_blank_values=True)
    return _request(event, event["requestContext"]["http"]["method"], event["rawPath"], headers, query)


def _payload_1(event: Event) -> HttpRequest:
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    headers |= {name.lower(): ", ".join(values) for name, values in (event.get("multiValueHeaders") or {}).items()}
    query = {name: [value] for name, value in (event.get("queryStringParameters") or {}).items()}
    query |= event.get("multiValueQueryStringParameters") or {}
    return _request(event, event["httpMethod"], event["path"], headers, query)


def _request(
    event: Event, method: str, path: str, headers: Mapping[str, str], query: Mapping[str, list[str]]
) -> HttpRequest:
    context = event.get("requestContext") or {}
    stage = f"/{context.get('stage')}"
    # An HTTP API puts its stage before the path, a REST API does not.
    own = path.removeprefix(stage) if "rawPath" in event and path.startswith(stage + "/") else path
    traced = _TRACEPARENT.fullmatch(headers.get("traceparent", ""))
    trace_id = traced[1] if traced else str(context.get("requestId") or uuid4().hex)
    # The gateway's own word for where the request comes from; a header might be anybody's.
    address = (context.get("http") or context.get("identity") or {}).get("sourceIp") or ""
    return HttpRequest(method.upper(), own, headers, query, _body(event), trace_id, str(address))


def _body(event: Event) -> bytes | None:
    """The body's bytes; raises ``TooLarge`` before anything is made of it."""
    body = event.get("body")
    if body is None:
        return None
    if not event.get("isBase64Encoded"):
        raw = str(body).encode("utf-8", "surrogatepass")
    else:
        # Three bytes are four characters; what is far too long is not even decoded.
        check_size(body[: MAX_BYTES + 1] if len(body) > MAX_BYTES * 3 // 2 else "")
        raw = base64.b64decode(body, validate=True)
    check_size(raw)
    return raw


def _route(routes: Mapping[str, Mapping[str, Any]], request: HttpRequest) -> tuple[str, Parameters]:
    """The pattern that the path matches, and what stands in its braces. Words win over braces."""
    path = "/" + request.path.strip("/")
    asked = [unquote(step) for step in path.split("/")]
    found = [(pattern, given) for pattern in routes if (given := _match(pattern.split("/"), asked)) is not None]
    if not found:
        raise NotFound(f"There is nothing at {path[:200]}.")
    pattern, given = min(found, key=lambda match: len(match[1]))
    if request.asks_as not in routes[pattern]:
        raise MethodNotAllowed(request.method, [*routes[pattern], *(["HEAD"] if "GET" in routes[pattern] else [])])
    return pattern, given


def _match(pattern: Iterable[str], asked: list[str]) -> Parameters | None:
    steps = list(pattern)
    if len(steps) != len(asked):
        return None
    pairs = list(zip(steps, asked, strict=True))
    if any(step != word for step, word in pairs if not step.startswith("{")):
        return None
    return {step[1:-1]: word for step, word in pairs if step.startswith("{")}


def _rest_event(request: HttpRequest, pattern: str, given: Parameters) -> dict[str, Any]:
    context = {"httpMethod": request.asks_as, "resourcePath": pattern}
    return {
        "requestContext": {**context, "traceId": request.trace_id, "address": request.address},
        "pathParameters": given,
        "headers": dict(request.headers),
        "multiValueQueryStringParameters": dict(request.query) or None,
        "body": request.body,
        "isBase64Encoded": False,
        "stageVariables": None,
    }
