"""``{{ secrets.NAME }}`` in jobs' inputs: where secrets are named, and putting their values there.

A secret stands between its braces alone: no function sees its value, so none can turn it into what is not recognised
when it has to be redacted. Only what a job's owner wrote is looked at, never what was filled into it: an answer that
says ``{{ secrets.NAME }}`` stays those words.
"""

import re
from collections.abc import Callable, Iterator, Mapping

from shared.errors import Fault, Invalid
from shared.expressions import BadExpression, Node
from shared.job import JobInputType, JsonValue
from shared.secret import NAME_PATTERN

# As much as a template may grow to.
MAX_CHARACTERS = 256 * 1024
ALONE = "a secret stands alone between its braces, as in {{ secrets.NAME }}"

_EXPRESSION = re.compile(rf"secrets\.({NAME_PATTERN})")
_PLACEHOLDER = re.compile(rf"\{{\{{\s*secrets\.({NAME_PATTERN})\s*\}}\}}")


def secret_of(expression: str) -> str | None:
    """The secret that an expression names; None for any other expression."""
    found = _EXPRESSION.fullmatch(expression)
    return found[1] if found else None


def named(value: JsonValue, kind: JobInputType) -> Iterator[tuple[str, str]]:
    """Where an input of this kind names secrets: (``headers.Authorization``, NAME)."""
    if kind is JobInputType.JOB_OUTPUT:
        return
    find = _in_template if kind is JobInputType.TEMPLATE else _PLACEHOLDER.findall
    for path, text in _texts(value, ""):
        if "secrets." in text:
            yield from ((path, name) for name in find(text))


def fill(value: JsonValue, values: Mapping[str, str]) -> JsonValue:
    """The same JSON with each placeholder replaced; other braces stay as they are.

    Raises ``Invalid`` that names the field of a secret that is not among the ``values``.
    """
    room = MAX_CHARACTERS

    def filled(text: str, path: str) -> str:
        nonlocal room

        def put(found: re.Match[str]) -> str:
            nonlocal room
            secret = values.get(found[1])
            if secret is None:
                raise Invalid.field(path or "input", missing(found[1]))
            room -= len(secret)
            if room < 0:
                raise Invalid.field(path or "input", f"the result is larger than {MAX_CHARACTERS // 1024} KiB")
            return secret

        return _PLACEHOLDER.sub(put, text) if "secrets." in text else text

    return _mapped(value, "", filled)


def missing(name: str) -> str:
    """What to say of a secret that does not exist."""
    return f"there is no secret {name}"


def check(tree: Node) -> None:
    """Raise ``BadExpression`` for an expression that looks for secrets by any other words: it would find nothing."""
    if _asks(tree):
        raise BadExpression(ALONE)


def excused(faults: list[Fault], value: JsonValue, field: str) -> list[Fault]:
    """The faults but those of texts with a placeholder, or of lists of them, which are judged when it is filled in.

    ``field`` is what stands before the paths of the faults.
    """
    places = {path for path, _ in named(value, JobInputType.STATIC)}
    places |= {re.sub(r"\[\d+\]$", "", path) for path in places}
    judged_later = {f"{field}.{path}" if path else field for path in places}
    return [fault for fault in faults if fault.field not in judged_later]


def _in_template(text: str) -> list[str]:
    # Here and not above: templates are filled by what is here.
    from shared.templating import Expression, split

    try:
        parts = split(text)
    except BadExpression:
        return []
    return [name for part in parts if isinstance(part, Expression) and (name := secret_of(part.text))]


def _asks(node: Node) -> bool:
    """Whether ``secrets`` is looked for in what all templates see, and not within something else."""
    match node["type"]:
        case "field":
            return bool(node["value"] == "secrets")
        case "subexpression" if node["children"][0]["type"] == "current":
            return _asks(node["children"][1])
        case "expref":
            # Of the items of a list.
            return False
        case "function_expression" | "or_expression" | "and_expression" | "not_expression" | "comparator":
            return any(map(_asks, node["children"]))
        case "multi_select_list" | "multi_select_dict" | "key_val_pair":
            return any(map(_asks, node["children"]))
        case _:
            return bool(node["children"]) and _asks(node["children"][0])


def _texts(value: JsonValue, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list | tuple):
        for position, item in enumerate(value):
            yield from _texts(item, f"{path}[{position}]")


def _mapped(value: JsonValue, path: str, change: Callable[[str, str], str]) -> JsonValue:
    if isinstance(value, str):
        return change(value, path)
    if isinstance(value, Mapping):
        return {key: _mapped(item, f"{path}.{key}" if path else key, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(item, f"{path}[{position}]", change) for position, item in enumerate(value)]
    return value
