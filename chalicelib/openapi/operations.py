"""From routes to operations: parameters, body, answers."""

import re
import sys
from http import HTTPStatus
from typing import Any

from chalicelib.openapi.schemas import Schemas
from chalicelib.paging import PageQuery
from chalicelib.problems import STATUSES
from chalicelib.routes import MAX_ID, Route
from chalicelib.says import Says
from chalicelib.wire.described import Schema
from chalicelib.wire.drafts import Wire
from shared.identity import Scope

JSON = "application/json"

# What any route that works with the database may answer.
_ALWAYS = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE}


def operations(route: Route, says: Says, schemas: Schemas) -> dict[str, Schema]:
    """The operations of a route by their methods, in lower case."""
    return {method.lower(): _operation(route, says, schemas, method) for method in route.methods}


def tag(route: Route) -> str:
    """The resource that a route is listed under."""
    return route.resource.name.replace("_", " ")


def about(route: Route) -> str:
    """What a resource is, as its module says."""
    return " ".join((sys.modules[route.view.__module__].__doc__ or "").replace("``", "").split())


def _operation(route: Route, says: Says, schemas: Schemas, method: str) -> Schema:
    operation: Schema = {
        "operationId": _id(route, method),
        "summary": says.summary.rstrip("."),
        "tags": [tag(route)],
        "parameters": [*_in_path(route), *_in_query(says, schemas), *_in_headers(route, says, method)],
        "responses": _responses(route, says, schemas, method),
        "security": _security(route, method),
    }
    if says.takes:
        required = says.complete and bool(says.takes.required)
        operation["requestBody"] = {"required": required, "content": {JSON: _media(schemas.body(says), says.takes)}}
    return operation


def _id(route: Route, method: str) -> str:
    name = f"{route.resource.name}_{route.view.__name__}"
    return name if method == route.methods[0] else f"{name}_{method.lower()}"


def _media(schema: Schema, model: type[Wire]) -> Schema:
    example = {field.alias or name: field.examples[0] for name, field in model.model_fields.items() if field.examples}
    return {"schema": schema, "example": example} if example else {"schema": schema}


def _in_path(route: Route) -> list[Schema]:
    return [_path_parameter(name, word=name in route.words) for name in re.findall(r"{(\w+)}", route.path)]


def _path_parameter(name: str, *, word: bool) -> Schema:
    number = {"type": "integer", "format": "int64", "minimum": 1, "maximum": MAX_ID}
    schema = {"type": "string", "minLength": 1} if word else number
    noun = name.removesuffix("_id").replace("_", " ")
    told = f"The {noun}, percent-encoded." if word else f"The id of the {noun}."
    return {"name": name, "in": "path", "required": True, "description": told, "schema": schema}


def _in_query(says: Says, schemas: Schemas) -> list[Schema]:
    models: tuple[type[Wire], ...] = (*says.asks, PageQuery) if says.paged else says.asks
    return [parameter for model in models for parameter in _query_parameters(model, schemas)]


def _query_parameters(model: type[Wire], schemas: Schemas) -> list[Schema]:
    return [
        {
            "name": name,
            "in": "query",
            "required": name in model.required,
            "description": schema.pop("description", ""),
            "schema": schema,
        }
        for name, schema in schemas.sent(model)["properties"].items()
    ]


def _in_headers(route: Route, says: Says, method: str) -> list[Schema]:
    names = {
        "IfNoneMatch": method == "GET" and (not route.public or says.cached),
        "IdempotencyKey": method == "POST" and not route.public,
        "IfMatch": says.guarded,
    }
    return [{"$ref": f"#/components/parameters/{name}"} for name, known in names.items() if known]


def _security(route: Route, method: str) -> list[dict[str, list[str]]]:
    if route.public:
        return []
    scope = route.scope_of(method)
    # An API key is a bearer token, too.
    return [{"session": []}, *([] if scope is Scope.ACCOUNT else [{"apiKey": [scope.value]}])]


def _responses(route: Route, says: Says, schemas: Schemas, method: str) -> dict[str, Schema]:
    read = method == "GET" and (not route.public or says.cached)
    done = {
        str(status.value): _response(status, shape, schemas, _headers(route, says, method, status))
        for status, shape in says.answers.items()
    }
    unchanged = {"304": {"$ref": "#/components/responses/NotModified"}} if read else {}
    errors = {
        str(status.value): {"$ref": f"#/components/responses/{component_name(status)}"}
        for status in sorted(_refusals(route, says, method) - set(says.answers))
    }
    return {**done, **unchanged, **errors}


def _response(status: HTTPStatus, shape: Any, schemas: Schemas, headers: dict[str, Schema]) -> Schema:
    content = (
        {shape: {"schema": {"type": "string"}}} if isinstance(shape, str) else {JSON: {"schema": schemas.answer(shape)}}
    )
    return {"description": status.phrase, "headers": headers, "content": content}


def _headers(route: Route, says: Says, method: str, status: HTTPStatus) -> dict[str, Schema]:
    names = {
        "ETag": status is HTTPStatus.OK and method == "GET" and (not route.public or says.cached),
        "Location": status is HTTPStatus.CREATED and bool(says.makes),
        "Idempotency-Replayed": method == "POST" and not route.public,
        "Set-Cookie": says.cookies,
        "RateLimit": route.limited,
        "RateLimit-Policy": route.limited,
    }
    return {name: {"$ref": f"#/components/headers/{name}"} for name, there in names.items() if there}


def _refusals(route: Route, says: Says, method: str) -> set[HTTPStatus]:
    """The errors of a route, from what it is."""
    # A body that is too large is refused before anybody looks for whom it is, also where none is asked for.
    found = {*says.refuses, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}
    if route.resource.prefix:
        found |= _ALWAYS
    if not route.public:
        found |= {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
    if "{" in route.path:
        found.add(HTTPStatus.NOT_FOUND)
    if says.takes:
        found.add(HTTPStatus.BAD_REQUEST)
    if says.takes or says.asks or says.paged or method == "POST":
        found.add(HTTPStatus.UNPROCESSABLE_ENTITY)
    if says.guarded:
        found.add(HTTPStatus.PRECONDITION_FAILED)
    if method != "GET" and not route.public:
        found.add(HTTPStatus.CONFLICT)
    return found


def component_name(status: HTTPStatus) -> str:
    """The name of a problem's response."""
    assert status in STATUSES
    return status.phrase.title().replace(" ", "")
