"""One slice of a list, in the order of its key."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, bindparam, func

from shared.paging import Page, Slice
from shared.store.arrays import TEXT

T = TypeVar("T")

Filters = Mapping[str, ColumnElement[bool]]


def read_page(
    connection: Connection,
    statement: Select[Any],
    parameters: Mapping[str, Any],
    part: Slice,
    build: Callable[[Any], T],
    *,
    newest_first: bool = False,
) -> Page[T]:
    """The rows of ``statement`` (which selects ``id``) that the slice asks for, each made into a noun by ``build``.

    Keys are handed out in the order of creation, so an index on them serves both directions.
    """
    newest_first = newest_first if part.newest_first is None else part.newest_first
    key: ColumnElement[Any] = statement.selected_columns["id"]
    ordered = statement.order_by(key.desc() if newest_first else key).limit(bindparam("limit"))
    if part.after is not None:
        ordered = ordered.where(key < bindparam("after") if newest_first else key > bindparam("after"))
    # One row more than asked for tells whether anything follows.
    rows = connection.execute(ordered, {**parameters, "limit": part.limit + 1, "after": part.after}).all()
    items = rows[: part.limit]
    return Page([build(row) for row in items], items[-1].id if len(rows) > part.limit else None)


def has_in_its_name(name: ColumnElement[str]) -> ColumnElement[bool]:
    """The filter ``q``: among the user's own, which an index finds in the order of the list."""
    return func.strpos(func.lower(name), func.lower(bindparam("q", type_=TEXT))) > 0


def narrowed(statement: Select[Any], known: Filters, chosen: Mapping[str, Any]) -> Select[Any]:
    """The statement with the conditions that were chosen; their values are bound by the same names."""
    return statement.where(*(known[name] for name in chosen))
