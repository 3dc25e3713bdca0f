"""JSON from strangers: read strictly, and never deeper than anybody means it."""

import json
import math
from collections.abc import Mapping

from shared.job import JsonValue

# Far below where Python's or PostgreSQL's JSON runs out of stack.
MAX_DEPTH = 100


def parse_json(text: str) -> JsonValue:
    """The value of JSON text; None when it is null, or not JSON by RFC 8259 (NaN, 1e999), or nested too deeply."""
    try:
        value: JsonValue = json.loads(text, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError):
        return None
    return None if deeper_than(value, MAX_DEPTH) else value


def deeper_than(value: JsonValue, depth: int) -> bool:
    """Whether lists and objects are nested more than ``depth`` times."""
    if isinstance(value, str) or not isinstance(value, Mapping | list | tuple):
        return False
    inner = value.values() if isinstance(value, Mapping) else value
    return depth == 0 or any(deeper_than(item, depth - 1) for item in inner)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number
