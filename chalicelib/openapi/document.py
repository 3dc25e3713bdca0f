"""The whole document."""

import json
from functools import cache
from http import HTTPStatus
from typing import Any

from chalicelib.bodies import MAX_BYTES, MAX_DEPTH
from chalicelib.once import MAX_KEY
from chalicelib.openapi.operations import about, component_name, operations, tag
from chalicelib.openapi.schemas import PREFIX, Schemas
from chalicelib.paging import PageQuery
from chalicelib.problems import CONTENT_TYPE, STATUSES, ProblemJson
from chalicelib.routes import Routes
from chalicelib.wire.described import Schema
from shared import VERSION
from shared.identity import KEY_PREFIX
from shared.manage.once import definite

INTRODUCTION = f"""\
You say when (a schedule) and what (an action: jobs that follow each other); every occurrence fires once, on time, and \
can be looked up.

Bodies are JSON objects of at most {MAX_BYTES // 1024} KB and {MAX_DEPTH} levels, in UTF-8, without NUL characters. \
Fields that are not known are ignored. A field that is not sent is left alone; null clears it. Instants are RFC 3339 \
with a zone and are answered in UTC; durations are seconds. What belongs to somebody else answers 404. All that is \
wrong with a body is told at once, in errors. A method that a path does not have is a 405 with Allow; HEAD is answered \
wherever GET is, without the body."""

_HEADERS: dict[str, Schema] = {
    "ETag": {
        "description": "Names this state. Send it as If-None-Match or If-Match.",
        "required": True,
        "schema": {"type": "string", "pattern": '^"[A-Za-z0-9_.-]+"$'},
    },
    "Location": {
        "description": "Where the new thing can be read.",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Idempotency-Replayed": {
        "description": "Present when this is the first answer to the key, once more.",
        "schema": {"const": "true"},
    },
    "RateLimit": {
        "description": "How many more requests may come at once, and after how many seconds all of them: r and t.",
        "schema": {"type": "string"},
    },
    "RateLimit-Policy": {
        "description": "How many requests may come at once, and in how many seconds as many again: q and w.",
        "schema": {"type": "string"},
    },
    "Set-Cookie": {"description": "The refresh token of a browser.", "schema": {"type": "string"}},
    "Retry-After": {
        "description": "Seconds after which to ask again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
    },
    "WWW-Authenticate": {"description": "How to sign in.", "required": True, "schema": {"type": "string"}},
}
_PARAMETERS: dict[str, Schema] = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Send the same key again when no answer came: it is done once, and the answer is the first one.",
        "schema": {"type": "string", "pattern": f"^[ -~]{{1,{MAX_KEY}}}$"},
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": "The ETag of what you have read: done only if it was not changed since. * is whatever there is.",
        "schema": {"anyOf": [{"const": "*"}, {"type": "string"}]},
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The ETag of what you have: 304 if nothing of it has changed.",
        "schema": {"type": "string"},
    },
}
_SECURITY: dict[str, Schema] = {
    "session": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The token that register, login and refresh answer.",
    },
    "apiKey": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": f"{KEY_PREFIX}...",
        "description": "The secret of an API key, which has one or more of the scopes read, write and run.",
    },
}


def build(resources: tuple[Routes, ...]) -> Schema:
    """The document of these resources; a route that says nothing is left out, and fails a test."""
    routes = [route for resource in resources for route in resource.routes]
    schemas = Schemas([route.says for route in routes if route.says], [PageQuery, ProblemJson])
    paths: dict[str, Schema] = {}
    tags: dict[str, Schema] = {}
    for route in routes:
        if route.says:
            whole = route.resource.prefix + route.path
            paths.setdefault(whole, {}).update(operations(route, route.says, schemas))
            tags.setdefault(tag(route), {"name": tag(route), "description": about(route)})
    return {
        "openapi": "3.1.0",
        "info": {"title": "Cronny", "version": VERSION, "description": INTRODUCTION},
        "servers": [{"url": "/"}],
        "tags": list(tags.values()),
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.components.items())),
            "responses": _problems(),
            "parameters": _PARAMETERS,
            "headers": _HEADERS,
            "securitySchemes": _SECURITY,
        },
    }


@cache
def text() -> str:
    """The document of the application, as it is sent; made once in a process, by the first who asks."""
    # The application knows of the resource that serves this.
    from chalicelib.application import RESOURCES

    return json.dumps(build(RESOURCES), separators=(",", ":"), ensure_ascii=False)


def _problems() -> dict[str, Schema]:
    unchanged: dict[str, Any] = {
        "description": "You have it already.",
        "headers": {"ETag": {"$ref": "#/components/headers/ETag"}},
    }
    return {"NotModified": unchanged, **{component_name(status): _problem(status) for status in STATUSES}}


def _problem(status: HTTPStatus) -> Schema:
    kinds = [kind for _, kind in STATUSES[status]]
    known = {name for kind in kinds for name in (*kind.headers, *kind.sometimes)}
    # Who is counted is told where he stands, whatever the answer; not where counting is switched off.
    known |= {"RateLimit", "RateLimit-Policy"}
    if definite(status.value):
        known.add("Idempotency-Replayed")
    # Of several kinds with one status, not all have the header.
    headers = {name: _header(name, always=all(name in kind.headers for kind in kinds)) for name in sorted(known)}
    told = " Or: ".join(cause for cause, _ in STATUSES[status])
    content = {CONTENT_TYPE: {"schema": {"$ref": PREFIX + "Problem"}}}
    return {"description": told, "headers": headers, "content": content}


def _header(name: str, *, always: bool) -> Schema:
    if always:
        return {"$ref": f"#/components/headers/{name}"}
    return {**_HEADERS[name], "required": False}
