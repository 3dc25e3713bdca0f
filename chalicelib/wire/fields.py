"""Kinds of field that several resources have."""

from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from chalicelib.bodies import unstorable
from chalicelib.wire.drafts import Faulty
from shared.errors import Fault

E = TypeVar("E", bound=StrEnum)


def no_bool(value: object) -> object:
    """To Python, true is the number 1; to everybody else it is a mistake."""
    if isinstance(value, bool):
        raise ValueError("must be a whole number")  # noqa: TRY004 - pydantic collects ValueErrors
    return value


def _empty_is_null(value: object) -> object:
    """Clients of the original API send "" for what they leave out."""
    return None if value == "" else value


def _instant(value: object) -> object:
    if value is None:
        return None
    try:
        instant = datetime.fromisoformat(str(value))
        # Go's zero time is how the original's clients say "never".
        if instant.tzinfo is not None:
            return None if instant.year == 1 else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("must be an instant with its zone, as in 2030-01-31T09:00:00Z")


def _searchable(value: str) -> str:
    if any(unstorable(value)):
        raise ValueError("has a character that no text has")
    return value


def one_of(kind: type[E], codes: dict[int, E] | None = None) -> Callable[[object], E]:
    """Reads a word, however it is capitalised, or one of the original API's codes as a number or as text."""
    known = {word.value: word for word in kind} | {str(code): word for code, word in (codes or {}).items()}

    def read(value: object) -> E:
        key = str(value).strip().lower() if isinstance(value, str | int) and not isinstance(value, bool) else ""
        if key not in known:
            raise ValueError(f"must be one of {', '.join(kind)}")
        return known[key]

    return read


def storable(value: Any, field: str) -> Any:
    """For JSON that came as text inside JSON: checked like the body it came in."""
    if faults := tuple(Fault(path, message) for path, message in unstorable(value, field)):
        raise Faulty(faults)
    return value


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
ShortText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
SearchText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), AfterValidator(_searchable)]
LongText = Annotated[str, StringConstraints(max_length=4000)]
Id = Annotated[int, BeforeValidator(no_bool), Field(ge=1, le=2**63 - 1)]
Count = Annotated[int, BeforeValidator(no_bool), Field(ge=1, le=2**31 - 1)]
Instant = Annotated[datetime | None, BeforeValidator(_instant), BeforeValidator(_empty_is_null)]
SentInstant = Annotated[datetime, BeforeValidator(_instant)]
# Null clears, and what is cleared is an empty object.
Object = Annotated[dict[str, Any] | None, AfterValidator(lambda value: value or {})]
