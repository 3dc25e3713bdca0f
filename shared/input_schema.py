"""Whether an input suits its job type: JSON Schema in, sentences out.

The messages are our own. jsonschema's quote the value, which may be a password, and speak to programmers.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from shared.errors import Fault
from shared.job import JsonObject, JsonValue

if TYPE_CHECKING:
    from jsonschema import ValidationError

_KINDS = {"string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false"}
_KINDS |= {"object": "an object", "array": "a list", "null": "null"}


def faults(value: JsonValue, schema: JsonObject, field: str) -> list[Fault]:
    """Everything in ``value`` that the schema refuses, each under its path below ``field``."""
    # 70 ms that only those pay who save a job.
    from jsonschema import Draft202012Validator

    errors = sorted(Draft202012Validator(schema).iter_errors(value), key=lambda error: error.json_path)
    return [fault for error in errors for fault in _told(error, field)]


def _told(error: "ValidationError", field: str) -> Iterator[Fault]:
    path = field + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
    wanted: Any = error.validator_value
    match error.validator:
        case "required":
            # jsonschema reports each missing name on its own and says which only in its message.
            present: Any = error.instance
            missing = next(name for name in wanted if name not in present and repr(name) in error.message)
            yield Fault(f"{path}.{missing}", "is needed")
        case "type":
            yield Fault(path, "must be " + _either(_KINDS[kind] for kind in _listed(wanted)))
        case "enum":
            yield Fault(path, "must be one of " + ", ".join(str(choice) for choice in wanted if choice is not None))
        case "minLength" | "minItems":
            yield Fault(path, "must not be empty" if wanted == 1 else f"must have at least {wanted} entries")
        case "maxLength" | "maxItems":
            yield Fault(path, f"is longer than {wanted}")
        case "minimum" | "maximum":
            yield Fault(path, f"must be {'at least' if error.validator == 'minimum' else 'at most'} {wanted}")
        case "anyOf" | "oneOf" if needed := [_required(form) for form in wanted if _required(form)]:
            yield Fault(path, "needs " + ", or ".join(needed))
        case _:
            yield Fault(path, f"is not as it should be. {_described(error.schema)}".strip())


def _required(form: Any) -> str:
    names = form.get("required", ()) if isinstance(form, Mapping) else ()
    return " and ".join(names)


def _described(schema: Any) -> str:
    return str(schema.get("description", "")) if isinstance(schema, Mapping) else ""


def _either(words: Iterable[str]) -> str:
    return " or ".join(words)


def _listed(kinds: Any) -> list[str]:
    return [kinds] if isinstance(kinds, str) else list(kinds)
