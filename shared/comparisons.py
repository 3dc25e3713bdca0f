"""How a condition compares what was found with what was written. Nothing here raises."""

import json
from collections.abc import Mapping

from shared.job import Comparison, JsonValue


def compares(comparison: Comparison, found: JsonValue, value: JsonValue) -> bool:
    """Whether ``found`` relates to ``value`` in this way; kinds that cannot be compared do not."""
    match comparison:
        case Comparison.EQUALITY:
            return _equal(found, value)
        case Comparison.GREATER_THAN:
            return _ordered(value, found)
        case Comparison.LESSER_THAN:
            return _ordered(found, value)
        case Comparison.CONTAINS:
            return _contains(found, value)
        case Comparison.EXISTS:
            return found is not None


def _equal(found: JsonValue, value: JsonValue) -> bool:
    # Old clients keep every value as text, so "200" must equal 200 and "true" must equal true.
    if isinstance(found, str) != isinstance(value, str):
        return _as_written(found) == _as_written(value)
    return isinstance(found, bool) == isinstance(value, bool) and found == value


def _as_written(value: JsonValue) -> object:
    number = _number(value)
    return number if number is not None else _json_text(value)


def _json_text(value: JsonValue) -> str:
    return value.strip() if isinstance(value, str) else json.dumps(value)


def _ordered(low: JsonValue, high: JsonValue) -> bool:
    """Whether low < high: as numbers when both are, as text (which orders ISO dates) when both are text."""
    numbers = _number(low), _number(high)
    if numbers[0] is not None and numbers[1] is not None:
        return numbers[0] < numbers[1]
    return isinstance(low, str) and isinstance(high, str) and low < high


def _number(value: JsonValue) -> float | int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, int):
        return value
    try:
        number = float(value)
    except ValueError:
        return None
    return number if abs(number) != float("inf") else None


def _contains(found: JsonValue, value: JsonValue) -> bool:
    if isinstance(found, str):
        return (value if isinstance(value, str) else json.dumps(value)) in found
    if isinstance(found, Mapping):
        return isinstance(value, str) and value in found
    return isinstance(found, list | tuple) and any(_equal(item, value) for item in found)
