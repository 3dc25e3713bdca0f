"""Reading bodies: JSON that everything behind here can hold, or an error that says where it is not."""

import json
import math
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from chalicelib.problems import MAX_FAULTS, BadRequest, TooLarge
from shared.errors import Fault, Invalid
from shared.job import JsonObject

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
# Of the names of an object, in characters.
MAX_NAME = 1000

# PostgreSQL has no NUL in text, and half a surrogate pair is no character.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def read_object(raw: bytes | str) -> JsonObject:
    """The JSON object of a body; nothing at all is an empty one. Raises ``BadRequest``, ``TooLarge``, ``Invalid``."""
    check_size(raw)
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


def unstorable(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """The first places in parsed JSON that the database would refuse: the path of each, and what is wrong there."""
    for steps, message in islice(_unstorable(value, (), 0), MAX_FAULTS):
        yield f"{path}{''.join(steps)}".removeprefix("."), message


def check_size(raw: bytes | str) -> None:
    """Raises ``TooLarge``."""
    if len(raw) > MAX_BYTES:
        raise TooLarge(f"The body is larger than {MAX_BYTES // 1024} KB.")


def _unstorable(value: Any, steps: tuple[str, ...], depth: int) -> Iterator[tuple[tuple[str, ...], str]]:
    """The same with its paths in steps: most of them nobody reads, and together they may be very long."""
    if isinstance(value, str):
        if _UNSTORABLE.search(value):
            yield steps, "has a character that cannot be stored (NUL, or half a surrogate pair)"
    elif isinstance(value, float) and not math.isfinite(value):
        yield steps, "is a number beyond what can be stored"
    elif isinstance(value, dict | list) and depth >= MAX_DEPTH:
        yield steps, f"is nested deeper than {MAX_DEPTH} levels"
    elif isinstance(value, dict):
        for key, item in value.items():
            if fault := _name_fault(key):
                yield steps, fault
            else:
                yield from _unstorable(item, (*steps, f".{key}"), depth + 1)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from _unstorable(item, (*steps, f"[{position}]"), depth + 1)


def _name_fault(name: str) -> str | None:
    if _UNSTORABLE.search(name):
        return "has a name with a character that cannot be stored"
    return f"has a name of more than {MAX_NAME:,} characters" if len(name) > MAX_NAME else None


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
