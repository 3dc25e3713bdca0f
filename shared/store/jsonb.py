"""JSON that PostgreSQL takes: whatever a target answered must be storable, or one odd byte would lose the record."""

import json
from typing import Any

from shared.job import JsonValue


def text(value: JsonValue) -> str:
    """The value as JSON text for a JSONB column.

    What JSON or PostgreSQL cannot hold is replaced: NUL and lone surrogates by U+FFFD, NaN and infinities by null.
    """
    try:
        plain = json.dumps(value, ensure_ascii=False, allow_nan=False)
        plain.encode()
    except (ValueError, UnicodeEncodeError):
        return json.dumps(_storable(value), ensure_ascii=False)
    return json.dumps(_storable(value), ensure_ascii=False) if "\\u0000" in plain else plain


def plain(value: JsonValue) -> JsonValue:
    """The value as it would come back from such a column."""
    written: JsonValue = json.loads(text(value))
    return written


def clean(value: str | None) -> str | None:
    """A text without what PostgreSQL refuses in one."""
    return None if value is None else value.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(str(key)): _storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value
