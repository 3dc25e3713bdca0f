"""JSON that PostgreSQL can keep. A target may answer anything; what it answers must never stop the record of it."""

import json
import math
import re
from collections.abc import Mapping

from shared.job import JsonValue

MAX_DEPTH = 64

# jsonb has no NUL, and UTF-8 has no half of a surrogate pair.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def parse_json(text: str) -> JsonValue:
    """The value of JSON text; None when it is not JSON, is null, or is nested deeper than anybody means."""
    try:
        value = json.loads(text, parse_constant=_refuse)
        return None if _deeper_than(value, MAX_DEPTH) else value
    except (ValueError, RecursionError):
        return None


def storable(value: JsonValue, depth: int = MAX_DEPTH) -> JsonValue:
    """The same value, with what jsonb refuses replaced: U+FFFD for characters, text for infinities and great depth."""
    match value:
        case str():
            return storable_text(value)
        case float() if not math.isfinite(value):
            return str(value)
        case Mapping():
            if depth == 0:
                return "(nested too deeply)"
            return {storable_text(str(key)): storable(item, depth - 1) for key, item in value.items()}
        case list() | tuple():
            return [storable(item, depth - 1) for item in value] if depth else "(nested too deeply)"
        case _:
            return value


def storable_text(text: str) -> str:
    """Text without the characters that PostgreSQL refuses."""
    return _UNSTORABLE.sub("�", text)


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _deeper_than(value: object, depth: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return depth == 0 or any(_deeper_than(item, depth - 1) for item in inner)
