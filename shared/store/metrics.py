"""SQL that measures all of Cronny, for its operator: what waits, and how the database is. It names no user.

Asked at each scrape, so each statement reads a partial index of what is under way, and no more of it than ``CAP``
entries, however much is stored. What was counted for good is in ``shared.store.tallying``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Connection,
    Integer,
    bindparam,
    cast,
    column,
    func,
    literal,
    literal_column,
    or_,
    select,
    table,
    union_all,
)

from shared.store.arrays import BIGINT, INSTANT, TEXT
from shared.store.tables import breakers, schedules, triggers

# Beyond that it is no longer counted but estimated by PostgreSQL, where it has an estimate.
CAP = 10_000
OVERDUE_AFTER = timedelta(seconds=5)

PENDING, DEAD, OVERDUE = "pending schedules", "dead letters", "overdue"
UNHELD, OVERLAP, LIMIT, BREAKER = "scheduled", "overlap", "limit", "breaker"

_now: Any = bindparam("now", type_=INSTANT)
_waits = triggers.c.status == literal_column("'scheduled'")
# As the index of what is due says it.
_dispatchable = _waits & or_(triggers.c.hold.is_(None), triggers.c.hold != literal_column("'limit'"))


def _counted(name: str, condition: Any, *index: Any) -> Any:
    """(name, how many, up to the cap); in the order of the index that has them."""
    few = select(literal_column("1")).where(condition).order_by(*index).limit(bindparam("cap")).subquery()
    return select(literal(name, TEXT), func.count()).select_from(few)


_late = (
    select(triggers.c.hold)
    .where(_dispatchable, triggers.c.next_attempt_at < bindparam("overdue", type_=INSTANT))
    .order_by(triggers.c.next_attempt_at)
    .limit(bindparam("cap"))
    .subquery("late")
)
COUNTS = union_all(
    _counted(PENDING, schedules.c.schedule_status == literal_column("'pending'"), schedules.c.id),
    _counted(
        DEAD,
        (triggers.c.status == literal_column("'failed'")) & triggers.c.discarded_at.is_(None),
        triggers.c.user_id,
        triggers.c.id,
    ),
    select(literal(OVERDUE, TEXT), func.count().filter(_late.c.hold.is_(None))),
    _counted(UNHELD, _dispatchable, triggers.c.next_attempt_at),
    _counted(OVERLAP, triggers.c.hold == literal_column("'overlap'"), triggers.c.schedule_id),
    _counted(
        LIMIT,
        _waits & (triggers.c.hold == literal_column("'limit'")),
        triggers.c.user_id,
        triggers.c.held_for,
    ),
    _counted(
        BREAKER,
        triggers.c.hold == literal_column("'breaker'"),
        triggers.c.user_id,
        triggers.c.held_for,
    ),
)
_INDEXES = {
    PENDING: "ix_schedules_pending",
    DEAD: "ix_triggers_dead",
    UNHELD: "ix_triggers_due",
    OVERLAP: "ix_triggers_overlap",
    LIMIT: "ix_triggers_limited",
    BREAKER: "ix_triggers_held_for",
}
_catalogue = table("pg_class", column("oid"), column("relname"), column("reltuples"))
ESTIMATES = select(_catalogue.c.relname, cast(_catalogue.c.reltuples, BIGINT)).where(
    _catalogue.c.oid.in_([func.to_regclass(index) for index in _INDEXES.values()])
)

_first = (triggers.c.attempt == 0) & (triggers.c.kind != "backfill")
_on_the_way = (
    select(
        triggers.c.status,
        func.coalesce(triggers.c.pack, triggers.c.id).label("message"),
        triggers.c.due_at,
        (_first & (triggers.c.status == "queued")).label("unstarted"),
    )
    .where(triggers.c.status.in_([literal_column("'queued'"), literal_column("'executing'")]))
    .order_by(triggers.c.user_id, triggers.c.pack)
    .limit(CAP)
    .subquery("on_the_way")
)
ON_THE_WAY = select(
    _on_the_way.c.status,
    func.count().label("triggers"),
    func.count(_on_the_way.c.message.distinct()).label("messages"),
    func.min(_on_the_way.c.due_at).filter(_on_the_way.c.unstarted).label("oldest"),
).group_by(_on_the_way.c.status)
_due = (
    select(triggers.c.due_at, (_first & triggers.c.hold.is_(None)).label("unstarted"))
    .where(_dispatchable, triggers.c.next_attempt_at <= _now)
    .order_by(triggers.c.next_attempt_at)
    .limit(CAP)
    .subquery("due")
)
OLDEST_DUE = select(func.min(_due.c.due_at)).where(_due.c.unstarted)

_open = (
    select(breakers.c.state)
    .where(breakers.c.state != literal_column("'closed'"))
    .order_by(breakers.c.probe_at)
    .limit(CAP)
    .subquery("open")
)
BREAKERS = select(_open.c.state, func.count()).group_by(_open.c.state)

_activity = table("pg_stat_activity", column("datname"), column("state"))
# To who may not look into other users' sessions their states are null.
CONNECTIONS = (
    select(func.coalesce(_activity.c.state, literal_column("'unknown'")).label("state"), func.count())
    .where(_activity.c.datname == func.current_database())
    .group_by(literal_column("1"))
)
MAX_CONNECTIONS = select(cast(func.current_setting("max_connections"), Integer))


@dataclass(frozen=True, slots=True)
class OnTheWay:
    """Triggers of a status and the messages that they are in; the due time of the oldest that was never started."""

    triggers: int
    messages: int
    oldest: datetime | None


NONE_ON_THE_WAY = OnTheWay(0, 0, None)


def counts(connection: Connection, now: datetime, speed: float) -> Mapping[str, int]:
    """How many there are of each; beyond ``CAP`` what PostgreSQL last estimated, and never less than that."""
    bounds = {"overdue": now - OVERDUE_AFTER * speed, "cap": CAP}
    exact = _pairs(connection, COUNTS, bounds)
    if max(exact.values()) < CAP:
        return exact
    estimates = _pairs(connection, ESTIMATES)
    return {
        name: count if count < CAP else max(count, estimates.get(_INDEXES.get(name, ""), 0))
        for name, count in exact.items()
    }


def on_the_way(connection: Connection) -> Mapping[str, OnTheWay]:
    """What is ``queued`` and ``executing``."""
    found = {row.status: OnTheWay(*row[1:]) for row in connection.execute(ON_THE_WAY)}
    return {status: found.get(status, NONE_ON_THE_WAY) for status in ("queued", "executing")}


def oldest_due(connection: Connection, now: datetime) -> datetime | None:
    """The due time of the oldest trigger that nothing holds, that is due, and that was not even queued."""
    due: datetime | None = connection.execute(OLDEST_DUE, {"now": now}).scalar()
    return due


def open_breakers(connection: Connection) -> Mapping[str, int]:
    """How many breakers are ``open`` and ``half_open``."""
    return {"open": 0, "half_open": 0} | _pairs(connection, BREAKERS)


def connections(connection: Connection) -> tuple[Mapping[str, int], int]:
    """This database's connections by state, and how many the server takes."""
    states = _pairs(connection, CONNECTIONS)
    return states, connection.execute(MAX_CONNECTIONS).scalar_one()


def _pairs(connection: Connection, statement: Any, parameters: Mapping[str, Any] | None = None) -> dict[str, int]:
    return {row[0]: row[1] for row in connection.execute(statement, parameters or {})}
