"""Reading long lists in slices that stay stable while rows come and go: by key, never by offset."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Slice:
    """At most ``limit`` rows beyond the row whose key is ``after``; None starts at the beginning.

    ``newest_first`` turns a list round; None leaves it in the order that it has by itself.
    """

    limit: int = 50
    after: int | None = None
    newest_first: bool | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """The rows of a slice; ``next_after`` starts the next one, None when nothing follows."""

    items: Sequence[T]
    next_after: int | None = None
