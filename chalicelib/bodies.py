"""Reading bodies: JSON that everything behind here can hold, or an error that says where it is not."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from chalicelib.problems import BadRequest, TooLarge
from shared.errors import Fault, Invalid
from shared.job import JsonObject

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32

# PostgreSQL has no NUL in text, and half a surrogate pair is no character.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def read_object(raw: bytes | str) -> JsonObject:
    """The JSON object of a body; nothing at all is an empty one. Raises ``BadRequest``, ``TooLarge``, ``Invalid``."""
    if len(raw) > MAX_BYTES:
        raise TooLarge(f"The body is larger than {MAX_BYTES // 1024} KB.")
    if not raw.strip():
        return {}
    value = _parsed(raw)
    if not isinstance(value, dict):
        raise Invalid.field("body", "must be a JSON object")
    if faults := [Fault(path or "body", message) for path, message in unstorable(value)]:
        raise Invalid(faults)
    return value


def parse_json(text: str | bytes) -> Any:
    """Strict JSON: neither NaN nor Infinity. Raises ``ValueError``, also for what is nested beyond all reason."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def unstorable(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Each place in parsed JSON that the database would refuse: its path and what is wrong there."""
    if isinstance(value, str):
        if _UNSTORABLE.search(value):
            yield path, "has a character that cannot be stored (NUL, or half a surrogate pair)"
    elif isinstance(value, float) and not math.isfinite(value):
        yield path, "is a number beyond what can be stored"
    elif isinstance(value, dict | list) and depth >= MAX_DEPTH:
        yield path, f"is nested deeper than {MAX_DEPTH} levels"
    elif isinstance(value, dict):
        for key, item in value.items():
            if _UNSTORABLE.search(key):
                yield path, "has a name with a character that cannot be stored"
            else:
                yield from unstorable(item, f"{path}.{key}" if path else key, depth + 1)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from unstorable(item, f"{path}[{position}]", depth + 1)


def _parsed(raw: bytes | str) -> Any:
    try:
        return parse_json(raw)
    except UnicodeDecodeError as error:
        raise BadRequest("The body is not UTF-8 text.") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BadRequest(f"The body is not JSON: {error.msg} at {where}.") from error
    except ValueError as error:
        raise BadRequest(f"The body is not JSON: {error}.") from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON number")
