"""``{{ JMESPath }}`` inside the strings of parsed JSON.

The JSON is parsed before anything is filled in, so no value can break out of its place, and what was filled in is never
looked at again. A string that is one expression becomes the value itself; within other text a value becomes text.
Literal braces are written ``{{ '{{' }}``. ``{{ secrets.NAME }}`` is no JMESPath, and expressions do not see secrets.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shared import placeholders
from shared.errors import Fault, Invalid
from shared.expressions import BadExpression, Budget, evaluate, parse
from shared.job import JsonObject, JsonValue

MAX_OUTPUT_BYTES = 256 * 1024
MAX_DEPTH = 64
NO_SECRETS: Mapping[str, str] = {}

# Strings and literals of JMESPath may contain braces; those do not end the expression.
_LEXEME = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`|[{}]|[^'"`{}]+|.""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Expression:
    """What stood between two pairs of braces."""

    text: str


@dataclass(frozen=True, slots=True)
class _Sources:
    """What expressions see, and beside it the secrets, which they do not."""

    context: JsonObject
    secrets: Mapping[str, str]


Parts = tuple[str | Expression, ...]


def check(value: JsonValue) -> None:
    """Whether the templates can be understood, before there is anything to fill in.

    Raises ``Invalid`` that names every field in which they cannot.
    """
    faults: list[Fault] = []

    def judge(text: str, path: str) -> JsonValue:
        try:
            for part in split(text):
                if isinstance(part, Expression) and placeholders.secret_of(part.text) is None:
                    placeholders.check(parse(part.text))
        except BadExpression as error:
            faults.append(Fault(path or "input", str(error)))
        return text

    _mapped(value, "", judge, MAX_DEPTH)
    if faults:
        raise Invalid(faults)


def resolve(value: JsonValue, context: JsonObject, secrets: Mapping[str, str] = NO_SECRETS) -> JsonValue:
    """The same JSON with every expression replaced by what it finds in ``context``; what is not there is null.

    Raises ``Invalid`` that names the field: ``request_body.items[0]``; also for a secret that is not there.
    """
    budget = Budget()
    size = _Size()

    def fill(text: str, path: str) -> JsonValue:
        try:
            return size.add(_fill(split(text), _Sources(context, secrets), budget))
        except BadExpression as error:
            raise Invalid.field(path or "input", str(error)) from error

    return _mapped(value, "", fill, MAX_DEPTH)


class _Size:
    """Adds up what has been filled in. It measures before it builds, because expressions can repeat a value cheaply."""

    def __init__(self) -> None:
        self._budget = Budget(MAX_OUTPUT_BYTES)

    def add(self, value: JsonValue) -> JsonValue:
        try:
            self._budget.charge_for(value)
        except BadExpression as error:
            raise BadExpression(f"the result is larger than {MAX_OUTPUT_BYTES // 1024} KiB") from error
        return _plain(value)


def _plain(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return value
    # A copy by way of JSON: nothing shared with the context, nothing that is not JSON.
    try:
        copy: JsonValue = json.loads(json.dumps(value, allow_nan=False))
    except (ValueError, TypeError, RecursionError) as error:
        raise BadExpression("the result cannot be written as JSON") from error
    return copy


def _fill(parts: Parts, sources: _Sources, budget: Budget) -> JsonValue:
    if len(parts) == 1 and isinstance(parts[0], Expression):
        return _found(parts[0], sources, budget)
    texts = (part if isinstance(part, str) else _as_text(_found(part, sources, budget)) for part in parts)
    return "".join(texts)


def _found(expression: Expression, sources: _Sources, budget: Budget) -> JsonValue:
    secret = placeholders.secret_of(expression.text)
    if secret is not None and secret not in sources.secrets:
        raise BadExpression(placeholders.missing(secret))
    value: JsonValue = sources.secrets[secret] if secret else evaluate(expression.text, sources.context, budget)
    budget.charge_for(value)
    return value


def _as_text(value: JsonValue) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _mapped(value: JsonValue, path: str, fill: Callable[[str, str], JsonValue], depth: int) -> JsonValue:
    if isinstance(value, str):
        return fill(value, path)
    if not isinstance(value, Mapping | list | tuple):
        return value
    if depth == 0:
        raise Invalid.field(path, "it is nested too deeply")
    if isinstance(value, Mapping):
        return {key: _mapped(item, _member(path, key), fill, depth - 1) for key, item in value.items()}
    return [_mapped(item, f"{path}[{position}]", fill, depth - 1) for position, item in enumerate(value)]


def _member(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def split(text: str) -> Parts:
    """Text and expressions by turns. Raises ``BadExpression`` when braces are not closed."""
    parts: list[str | Expression] = []
    position = 0
    while (opening := text.find("{{", position)) >= 0:
        closing = _closing(text, opening + 2)
        if opening > position:
            parts.append(text[position:opening])
        parts.append(Expression(text[opening + 2 : closing].strip()))
        position = closing + 2
    if position < len(text) or not parts:
        parts.append(text[position:])
    return tuple(parts)


def _closing(text: str, start: int) -> int:
    """Where the ``}}`` is that ends the expression beginning at ``start``."""
    depth = 0
    for lexeme in _LEXEME.finditer(text, start):
        if lexeme[0] == "{":
            depth += 1
        elif lexeme[0] == "}" and depth == 0 and text.startswith("}}", lexeme.start()):
            return lexeme.start()
        elif lexeme[0] == "}":
            depth -= 1
    raise BadExpression("{{ is never closed by }}")
