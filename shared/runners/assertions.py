"""What an HTTP answer must be like for its job to have succeeded, beside its status: compared as conditions compare."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared.comparisons import compares
from shared.errors import Fault, Invalid
from shared.expressions import BadExpression, Budget, evaluate
from shared.expressions import parse as parse_expression
from shared.job import Comparison, JsonObject, JsonValue
from shared.outcome import FailureKind, Outcome

MAX_ASSERTIONS = 20
MAX_SHOWN_CHARACTERS = 80


class Of(StrEnum):
    """What of an answer is looked at; ``duration_ms`` is from the beginning of the request to the end of the body."""

    STATUS = "status"
    HEADER = "header"
    BODY = "body"
    DURATION = "duration_ms"


_NAMES = ("of", "name", "comparison_type", "value", "should_match")

ASSERTIONS_SCHEMA: JsonObject = {
    "type": ["array", "null"],
    "title": "Assertions",
    "description": "What must hold of the answer; each that does not is named in the job's error.",
    "maxItems": MAX_ASSERTIONS,
    "items": {
        "type": "object",
        "required": ["of"],
        "properties": {
            "of": {"enum": list(Of), "title": "Of", "description": "What of the answer is looked at."},
            "name": {
                "type": ["string", "null"],
                "title": "Name",
                "description": "Which header, or a JMESPath into the body; without it the whole body.",
            },
            "comparison_type": {"enum": [*Comparison, None], "title": "Comparison", "default": "equality"},
            "value": {"title": "Value", "description": "What it is compared with."},
            "should_match": {"type": ["boolean", "null"], "title": "Should match", "default": True},
        },
    },
}


@dataclass(frozen=True, slots=True)
class Assertion:
    """One comparison. ``name`` is that of a header, or a JMESPath into the body (None: all of it)."""

    of: Of
    comparison: Comparison
    value: JsonValue = None
    name: str | None = None
    should_match: bool = True

    def __str__(self) -> str:
        looked_at = f"{self.of} {_cut(self.name)}" if self.name else self.of.value
        negated = "" if self.should_match else "not "
        wanted = "" if self.comparison is Comparison.EXISTS else f" {_shown(self.value)}"
        return f"{looked_at} {negated}{self.comparison}{wanted}"

    def finds(self, output: JsonObject, budget: Budget) -> JsonValue:
        """What it looks at in the output of a request."""
        if self.of is Of.STATUS:
            return output.get("status")
        if self.of is Of.DURATION:
            timings = output.get("timings")
            total = timings.get("total") if isinstance(timings, Mapping) else None
            return round(total * 1000, 1) if isinstance(total, int | float) else None
        if self.of is Of.HEADER:
            headers = output.get("headers")
            return headers.get((self.name or "").lower()) if isinstance(headers, Mapping) else None
        return _in_body(self.name, output.get("body"), self.comparison, budget)


def parse(value: JsonValue, field: str = "assertions") -> tuple[Assertion, ...]:
    """Assertions from JSON; null and [] are none. Raises ``Invalid`` that names every wrong field."""
    if value is None:
        return ()
    if not isinstance(value, list | tuple) or len(value) > MAX_ASSERTIONS:
        raise Invalid.field(field, f"it must be a list of at most {MAX_ASSERTIONS}")
    found: list[Assertion] = []
    faults: list[Fault] = []
    for position, one in enumerate(value):
        try:
            found.append(_assertion(one, f"{field}[{position}]"))
        except Invalid as error:
            faults += error.faults
    if faults:
        raise Invalid(faults)
    return tuple(found)


def judged(assertions: Sequence[Assertion], output: JsonObject) -> Outcome:
    """The outcome of an answer: failed, with the output kept, when one of them does not hold."""
    found = failing(assertions, output)
    if not found:
        return Outcome.completed(output)
    told = f"{len(found)} of {len(assertions)} assertions failed: " + "; ".join(found)
    return Outcome.failed(told, output, FailureKind.ASSERTION_FAILED)


def failing(assertions: Sequence[Assertion], output: JsonObject) -> list[str]:
    """A sentence for each that does not hold: which it is, what it wants, and what was found."""
    budget = Budget()
    return [told for position, one in enumerate(assertions) if (told := _told(position, one, output, budget))]


def _told(position: int, one: Assertion, output: JsonObject, budget: Budget) -> str | None:
    try:
        found = one.finds(output, budget)
    except BadExpression as error:
        return f"assertions[{position}]: {one}: {error}"
    if compares(one.comparison, found, one.value) is one.should_match:
        return None
    return f"assertions[{position}]: {one}, found {_shown(found)}"


def _in_body(expression: str | None, body: JsonValue, comparison: Comparison, budget: Budget) -> JsonValue:
    if expression is not None:
        found: JsonValue = evaluate(expression, body, budget)
        budget.charge_for(found)
        return found
    # "The body contains these words" means the words, whether the body is JSON or not.
    whole_text = comparison is Comparison.CONTAINS and body is not None and not isinstance(body, str)
    return json.dumps(body, ensure_ascii=False) if whole_text else body


def _assertion(value: JsonValue, path: str) -> Assertion:
    if not isinstance(value, Mapping):
        raise Invalid.field(path, 'it must be an object such as {"of": "status", "value": 200}')
    faults = [Fault(f"{path}.{name}", f"is none of {', '.join(_NAMES)}") for name in value if name not in _NAMES]
    of, comparison = value.get("of"), value.get("comparison_type") or Comparison.EQUALITY.value
    name, should_match = value.get("name") or None, value.get("should_match")
    if of not in list(Of):
        faults.append(Fault(f"{path}.of", f"must be one of {', '.join(Of)}"))
    if comparison not in list(Comparison):
        faults.append(Fault(f"{path}.comparison_type", f"must be one of {', '.join(Comparison)}"))
    if should_match is not None and not isinstance(should_match, bool):
        faults.append(Fault(f"{path}.should_match", "must be true or false"))
    if told := _fault_of_name(of, name):
        faults.append(Fault(f"{path}.name", told))
    if comparison != Comparison.EXISTS and "value" not in value:
        faults.append(Fault(f"{path}.value", "is needed"))
    if faults:
        raise Invalid(faults)
    named = name if isinstance(name, str) else None
    return Assertion(Of(str(of)), Comparison(str(comparison)), value.get("value"), named, should_match is not False)


def _fault_of_name(of: JsonValue, name: JsonValue) -> str | None:
    if name is not None and not isinstance(name, str):
        return "must be text"
    if of == Of.HEADER:
        return None if name else "is needed: which header"
    if of in (Of.STATUS, Of.DURATION):
        return "has no meaning here; leave it out" if name else None
    try:
        if name:
            parse_expression(name)
    except BadExpression as error:
        return str(error)
    return None


def _shown(value: JsonValue) -> str:
    return _cut(json.dumps(value, ensure_ascii=False))


def _cut(written: str) -> str:
    return written if len(written) <= MAX_SHOWN_CHARACTERS else written[:MAX_SHOWN_CHARACTERS] + "..."
