"""From a client's JSON to a draft: which fields were sent, which are understood, what is wrong with the rest."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.errors import Fault
from shared.manage.draft import Draft

# The default of every field: what was not sent is not written. It never reaches a draft.
ABSENT: Any = None


class Wire(BaseModel):
    """The allow-list of a resource: other fields, such as ``id`` or ``user_id``, are ignored and never written.

    No field is required, because an update sends what it changes; ``required`` are those that a new one needs.
    """

    model_config = ConfigDict(extra="ignore", validate_default=False, hide_input_in_errors=True)
    required: ClassVar[tuple[str, ...]] = ()


class Faulty(ValueError):  # noqa: N818
    """What a validator raises when several places inside its field are wrong; their paths begin with the field."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults = faults
        super().__init__("; ".join(fault.message for fault in faults))


W = TypeVar("W", bound=Wire)


def new(model: type[Wire], body: Mapping[str, Any]) -> Draft:
    """The draft of a new thing: what it needs and does not have is a fault, too."""
    draft = change(model, body)
    missing = [name for name in model.required if name not in body]
    return Draft(draft.fields, (*draft.faults, *(Fault(name, "is needed") for name in missing)))


def change(model: type[Wire], body: Mapping[str, Any]) -> Draft:
    """The draft of a change: the sent fields, and nothing about the others."""
    sent, faults = _validated(model, body)
    return Draft({name: getattr(sent, name) for name in sent.model_fields_set}, faults)


def sent_filter(model: type[Wire], body: Mapping[str, Any]) -> Draft | None:
    """The filters of a list, by the same names and rules, as a body names them under ``filter``; None without them.

    What is no filter is a fault: one that is misspelt would match everything.
    """
    sent = body.get("filter")
    if sent is None:
        return None
    if not isinstance(sent, Mapping):
        return Draft(faults=(Fault("filter", "must be a JSON object"),))
    names = {known.alias or name for name, known in model.model_fields.items()}
    unknown = tuple(Fault(f"filter.{name}", "is no filter of this list") for name in sent if name not in names)
    found = change(model, sent)
    wrong = tuple(Fault(f"filter.{fault.field}", fault.message) for fault in found.faults)
    return Draft(found.fields, (*unknown, *wrong))


def _validated(model: type[W], body: Mapping[str, Any]) -> tuple[W, tuple[Fault, ...]]:
    try:
        return model.model_validate(dict(body)), ()
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        wrong = {one["loc"][0] for one in found}
        rest, _ = _validated(model, {name: value for name, value in body.items() if name not in wrong})
        return rest, tuple(fault for one in found for fault in _told(one))


def _told(error: Any) -> Iterator[Fault]:
    place = _path(error["loc"])
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, Faulty):
        yield from cause.faults
    elif isinstance(cause, ValueError):
        yield Fault(place, str(cause))
    else:
        yield Fault(place, _sentence(error))


def _path(loc: tuple[int | str, ...]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc).lstrip(".")


# pydantic's words are for programmers.
_SENTENCES = {
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "string_too_long": "may have {max_length} characters at most",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "is too large",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "datetime_type": "must be an instant",
    "list_type": "must be a list",
    "too_long": "may have {max_length} items at most",
    "dict_type": "must be a JSON object",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "enum": "must be one of {expected}",
}


def _sentence(error: Any) -> str:
    known = _SENTENCES.get(error["type"])
    return known.format(**error.get("ctx", {})) if known else str(error["msg"])
