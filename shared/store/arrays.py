"""Many rows in one statement: columns travel as arrays and are joined back to rows by ``unnest``.

PostgreSQL's cost is per statement and pg8000's per value, so a set of 500 is some fifty times cheaper than 500 rows.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import TIMESTAMP, BigInteger, FromClause, Text, bindparam, column, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine

BIGINT, TEXT, INSTANT = BigInteger(), Text(), TIMESTAMP(timezone=True)


def ids(name: str) -> Any:
    """A bound array of ids, for ``column = any_(ids("ids"))``."""
    return bindparam(name, type_=ARRAY(BIGINT))


def texts(name: str) -> Any:
    """A bound array of words, for ``column = any_(texts("words"))``."""
    return bindparam(name, type_=ARRAY(TEXT))


def rows(name: str, **columns: TypeEngine[Any]) -> Any:
    """A table of bound arrays, ``unnest(:name_id, :name_due_at) AS name(id, due_at)``; ``bound`` fills it."""
    arrays = [bindparam(f"{name}_{key}", type_=ARRAY(kind)) for key, kind in columns.items()]
    table: FromClause = (
        func.unnest(*arrays)
        .table_valued(*(column(key, kind) for key, kind in columns.items()))
        .render_derived(name=name)
    )
    return table


def bound(table: Any, values: Sequence[Sequence[Any]]) -> dict[str, list[Any]]:
    """The parameters that fill a table of ``rows``: one sequence per row, in the order of its columns."""
    return {f"{table.name}_{key}": [row[position] for row in values] for position, key in enumerate(table.c.keys())}
