"""What the OpenAPI document says of a field stands beside the field, and nowhere else.

``sent`` are the fields of a ``Wire``, which clients write; ``told`` are those of a ``TypedDict``, which clients read.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, WithJsonSchema

from chalicelib.wire.drafts import ABSENT

Schema = dict[str, Any]


def sent(description: str, *, alias: str | None = None, example: Any = None) -> Any:
    """A field that may be left out; ``example`` goes into the example of a whole body."""
    return Field(ABSENT, alias=alias, description=description, examples=None if example is None else [example])


def told(description: str) -> Any:
    """What a field that is read means. Without this, it is what the field of the same name means that is sent."""
    return Field(description=description)


def words(
    kind: type[StrEnum] | tuple[str, ...], codes: Mapping[int, StrEnum] | None = None, *, null: bool = False
) -> WithJsonSchema:
    """The words of a kind, the original API's codes for them, and null where that clears the field."""
    known: list[object] = [*(str(word) for word in kind), *(codes or {})]
    return WithJsonSchema({"enum": [*known, None]} if null else {"enum": known})


def nullable(schema: Schema) -> Schema:
    """The same, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


CreatedAt = Annotated[datetime, told("When it was made.")]
UpdatedAt = Annotated[datetime, told("When it was last changed.")]
