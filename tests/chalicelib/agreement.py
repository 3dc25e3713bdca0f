"""The OpenAPI document, held against what the API really answers. Every call of the tests' client comes by here."""

import copy
import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import jsonschema_rs

from chalicelib.openapi.document import text

# What every answer may have; the document says what is particular.
_USUAL = {"content-type", "cache-control", "x-content-type-options", "content-security-policy", "referrer-policy"}


def check_answer(method: str, path: str, status: int, headers: Mapping[str, str], body: str) -> None:
    """Fails with what is different from what the document says; ``headers`` have names in lower case."""
    where = f"{method} {path}: {status}"
    found = operation(method, path)
    if found is None:  # that the document has every route is for a test of its own
        return
    operation_id, said = found
    assert str(status) in said["responses"], f"{where} is not a status that {operation_id} has in the document: {body}"
    response = _resolved(said["responses"][str(status)])
    _check_headers(where, response.get("headers", {}), headers)
    if "content" not in response:
        assert body == "", f"{where} has a body"
        return
    media_type = headers["content-type"]
    assert media_type in response["content"], f"{where} has the content type {media_type}"
    if media_type.endswith("json") and operation_id != "documents_openapi":
        error = _first_error(operation_id, str(status), media_type, body)
        assert error is None, f"{where} is not as {operation_id} says: {error}"


@cache
def document() -> Any:
    """The document as it is served."""
    return json.loads(text())


def operation(method: str, path: str) -> tuple[str, Any] | None:
    """The operation that a path, without its query, leads to: words win over braces."""
    matching = [(known, said) for known, said in _patterns() if known.fullmatch("/" + path.strip("/"))]
    if not matching or method.lower() not in matching[0][1]:
        return None
    said = matching[0][1][method.lower()]
    return said["operationId"], said


@cache
def _patterns() -> list[tuple[re.Pattern[str], Any]]:
    paths = sorted(document()["paths"].items(), key=lambda item: item[0].count("{"))
    return [(re.compile(re.sub(r"{\w+}", "[^/]+", path)), said) for path, said in paths]


def _check_headers(where: str, said: Mapping[str, Any], given: Mapping[str, str]) -> None:
    named = {name.lower(): _resolved(each) for name, each in said.items()}
    missing = {name for name, each in named.items() if each.get("required")} - set(given)
    assert not missing, f"{where} lacks the headers {missing}"
    unknown = set(given) - set(named) - _USUAL
    assert not unknown, f"{where} has headers that are not in the document: {unknown}"
    for name, each in named.items():
        if name in given:
            value: object = int(given[name]) if each["schema"].get("type") == "integer" else given[name]
            assert jsonschema_rs.is_valid(each["schema"], value), f"{where}: {name} is {given[name]!r}"


def _resolved(said: Any) -> Any:
    if "$ref" not in said:
        return said
    _, _, kind, name = said["$ref"].split("/")
    return document()["components"][kind][name]


def _first_error(operation_id: str, status: str, media_type: str, body: str) -> str | None:
    errors = _validator(operation_id, status, media_type).iter_errors(json.loads(body))
    return next((f"{'/'.join(map(str, error.instance_path))}: {error.message[:500]}" for error in errors), None)


@cache
def _validator(operation_id: str, status: str, media_type: str) -> Any:
    said = next(each for path in document()["paths"].values() for each in path.values() if _is(each, operation_id))
    schema = _resolved(said["responses"][status])["content"][media_type]["schema"]
    whole = {**_strict(schema), "components": {"schemas": _strict_components()}}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


def _is(said: Any, operation_id: str) -> bool:
    return bool(said["operationId"] == operation_id)


@cache
def _strict_components() -> Any:
    return _strict(document()["components"]["schemas"])


def _strict(schema: Any) -> Any:
    """The same without room for fields that are not described: clients leave them alone, we do not."""
    schema = copy.deepcopy(schema)
    pending = [schema]
    while pending:
        each = pending.pop()
        if isinstance(each, dict):
            pending += each.values()
            if each.get("type") == "object" and "properties" in each:
                each.setdefault("additionalProperties", False)
        elif isinstance(each, list):
            pending += each
    return schema
