"""A schema in a few words of HTML: ``text``, ``whole number, 1 to 200``, ``list of <a>Job</a>``."""

import html
from typing import Any

_NAMES = {"string": "text", "integer": "whole number", "boolean": "true or false", "object": "object", "null": "null"}
_FORMATS = {"date-time": "instant", "date": "date", "password": "text", "uri-reference": "path"}


def in_words(schema: Any) -> str:
    """What fits."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#type-{name}">{name}</a>'
    if "const" in schema:
        return _code(schema["const"])
    if "enum" in schema:
        return ", ".join(map(_code, schema["enum"]))
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(in_words(each) for each in schema[several]))
    if schema.get("type") == "array":
        return f"list of {in_words(schema.get('items', {}))}{_bounds(schema)}"
    return f"{_name(schema)}{_bounds(schema)}"


def _name(schema: Any) -> str:
    kinds = schema.get("type", "anything")
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    if isinstance(of := schema.get("additionalProperties"), dict) and of and "properties" not in schema:
        return f"object of {in_words(of)}"
    return " or ".join(_NAMES.get(each, str(each)) for each in (kinds if isinstance(kinds, list) else [kinds]))


def _bounds(schema: Any) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if most == 2**63 - 1:
        most = None
    longest, items = schema.get("maxLength"), schema.get("maxItems")
    if least is not None and most is not None:
        return f", {least:,} to {most:,}"
    if least is not None:
        return f", {least:,} or more"
    if longest:
        return f", up to {longest:,} characters"
    return f", up to {items:,}" if items else ""


def _code(value: Any) -> str:
    return f"<code>{html.escape('null' if value is None else str(value))}</code>"
