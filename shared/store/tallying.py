"""SQL that counts for good, within the statements that do what is counted: exactly what was committed, and never twice.

Each connection counts in rows of its own (see ``shared.store.tables.tallies``): a count costs no waiting, and locks in
no order that anybody else could cross.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Connection,
    Double,
    Integer,
    SmallInteger,
    cast,
    column,
    delete,
    func,
    literal_column,
    select,
    table,
    tuple_,
)
from sqlalchemy.dialects.postgresql import insert

from shared.store.arrays import BIGINT, TEXT, bound, rows
from shared.store.tables import tallies

ENDED, LATENESS, REQUESTS = "ended", "lateness", "requests"
# Upper bounds of buckets, in seconds, the bound itself included; one more bucket takes what exceeds them all.
LATENESS_BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
REQUEST_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# What is cancelled may come back (decision 0005), so it has not ended for good.
OUTCOMES = ("completed", "failed", "skipped")
FOLDED = 0
FOLD_LIMIT = 20_000

# Written out wherever they stand: each bound value costs these statements as much as a few of their rows.
_ZERO: Any = literal_column("0", SmallInteger())
_NOTHING: Any = literal_column("0.0", Double())
_COLUMNS = ("name", "label", "bucket", "backend", "count", "total")
_KEY = (tallies.c.name, tallies.c.label, tallies.c.bucket, tallies.c.backend)


def _adding(counted: Any) -> Any:
    new = insert(tallies).from_select(_COLUMNS, counted)
    return new.on_conflict_do_update(
        index_elements=_KEY,
        set_={"count": tallies.c.count + new.excluded.count, "total": tallies.c.total + new.excluded.total},
    )


def ending(statement: Any) -> Any:
    """A statement that ends triggers and returns their ``status``, made to count them by outcome, too.

    It answers what the statement returned.
    """
    ended = statement.cte("endings")
    mine = func.pg_backend_pid(type_=Integer())
    outcomes = (
        select(_word(ENDED), ended.c.status, _ZERO, mine, func.count(), _NOTHING)
        .where(ended.c.status.in_([_word(outcome) for outcome in OUTCOMES]))
        .group_by(ended.c.status)
    )
    return select(ended).add_cte(_adding(outcomes).cte("tallied"))


def starting(statement: Any, speed: Any) -> Any:
    """A statement that claims triggers, made to count how late those are that start for the first time.

    It returns ``attempt``, ``kind``, ``due_at``, ``started_at``, and answers what it returned. A backfill is late by
    intent. ``speed`` of the clock turns its times into real ones.
    """
    claimed = statement.cte("claimed")
    # In floating point, unlike extract.
    elapsed: Any = func.date_part(_word("epoch"), claimed.c.started_at - claimed.c.due_at, type_=Double())
    late = func.greatest(elapsed / speed, _NOTHING)
    started = (
        select(_bucket(late, LATENESS_BOUNDS).label("bucket"), late.label("late"))
        .where(claimed.c.attempt == literal_column("1"), claimed.c.kind != _word("backfill"))
        .subquery("started")
    )
    mine = func.pg_backend_pid(type_=Integer())
    counted = select(
        _word(LATENESS), _word(""), started.c.bucket, mine, func.count(), func.sum(started.c.late)
    ).group_by(started.c.bucket)
    return select(claimed).add_cte(_adding(counted).cte("tallied"))


def _bucket(value: Any, bounds: Sequence[float]) -> Any:
    # width_bucket counts the thresholds at or below a value. Of both the negative: the bounds at or above it, so that
    # a bound itself belongs to its bucket, as Prometheus has it.
    negative: Any = literal_column(f"CAST('{{{','.join(str(-each) for each in reversed(bounds))}}}' AS float8[])")
    return cast(literal_column(str(len(bounds))) - func.width_bucket(-value, negative), SmallInteger())


def _word(text: str) -> Any:
    return literal_column(f"'{text}'", TEXT)


_tally = rows("tally", what=TEXT, label=TEXT, bucket=Integer(), count=BIGINT, total=Double())
ADD = _adding(
    select(
        _tally.c.what,
        _tally.c.label,
        cast(_tally.c.bucket, SmallInteger()),
        func.pg_backend_pid(type_=Integer()),
        _tally.c.count,
        _tally.c.total,
    )
)

_alive = select(column("pid", Integer())).select_from(table("pg_stat_activity"))
# A backend with an old one's number goes on counting meanwhile: its rows are locked, and left for the next time.
_gone = (
    delete(tallies)
    .where(
        tuple_(*_KEY).in_(
            select(*_KEY)
            .where(tallies.c.backend != FOLDED, tallies.c.backend.not_in(_alive))
            .limit(FOLD_LIMIT)
            .with_for_update(skip_locked=True)
        )
    )
    .returning(*tallies.c)
    .cte("gone")
)
FOLD = _adding(
    select(
        _gone.c.name,
        _gone.c.label,
        _gone.c.bucket,
        literal_column(str(FOLDED), Integer()),
        cast(func.sum(_gone.c.count), BIGINT),
        func.sum(_gone.c.total),
    )
    .group_by(_gone.c.name, _gone.c.label, _gone.c.bucket)
    .order_by(_gone.c.name, _gone.c.label, _gone.c.bucket)
)

READ = select(
    tallies.c.name,
    tallies.c.label,
    tallies.c.bucket,
    cast(func.sum(tallies.c.count), BIGINT).label("count"),
    func.sum(tallies.c.total).label("total"),
).group_by(tallies.c.name, tallies.c.label, tallies.c.bucket)


@dataclass(frozen=True, slots=True)
class Tally:
    """``count`` observations in a bucket (0 for a plain counter) that add up to ``total`` seconds."""

    name: str
    label: str
    bucket: int
    count: int
    total: float


def add(connection: Connection, counted: Iterable[Tally]) -> None:
    """Add to what was counted; each (name, label, bucket) at most once."""
    values = [(each.name, each.label, each.bucket, each.count, each.total) for each in counted]
    if values:
        connection.execute(ADD, bound(_tally, values))


def fold(connection: Connection) -> None:
    """Add the counts of connections that are gone together."""
    connection.execute(FOLD)


def read(connection: Connection) -> list[Tally]:
    """Everything that was ever counted."""
    return [Tally(*row) for row in connection.execute(READ)]
