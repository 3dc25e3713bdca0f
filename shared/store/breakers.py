"""SQL of breakers. Whoever changes several locks them by (user, host), and while holding them waits for no trigger."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    SmallInteger,
    any_,
    bindparam,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from shared.breaker import Breaker, BreakerState, HostKey
from shared.store.arrays import BIGINT, INSTANT, TEXT, bound, ids, rows
from shared.store.jsonb import clean
from shared.store.tables import breakers, triggers
from shared.trigger import TriggerId
from shared.user import UserId

# What one executor knows at most, those that are not closed first: a user may call a new host each time.
KNOWN = 1000
LISTED = 200

_COLUMNS = (
    breakers.c.user_id,
    breakers.c.host,
    breakers.c.state,
    breakers.c.failures,
    breakers.c.last_error,
    breakers.c.opens,
    breakers.c.opened_at,
    breakers.c.probe_at,
    breakers.c.probe_trigger_id,
)
_now = bindparam("now", type_=INSTANT)
# Written out: as a bound value PostgreSQL would not see that its partial indexes say the same.
_not_closed = breakers.c.state != literal_column("'closed'")
_in_order = (breakers.c.user_id, breakers.c.host)

OF_USERS = (
    select(*_COLUMNS)
    .where(breakers.c.user_id == any_(ids("users")), or_(_not_closed, breakers.c.failures > literal_column("0")))
    .order_by(breakers.c.user_id, breakers.c.state.desc())
    .limit(KNOWN)
)

_key = rows("key", user_id=BIGINT, host=TEXT)
_this = (breakers.c.user_id == _key.c.user_id) & (breakers.c.host == _key.c.host)
PLACE = (
    insert(breakers)
    .from_select(
        ["user_id", "host", "updated_at"],
        select(_key.c.user_id, _key.c.host, _now).order_by(_key.c.user_id, _key.c.host),
    )
    .on_conflict_do_nothing()
)
LOCK = select(*_COLUMNS).select_from(breakers.join(_key, _this)).order_by(*_in_order).with_for_update(of=breakers)
STILL = (
    select(breakers.c.user_id, breakers.c.host)
    .select_from(breakers.join(_key, _this))
    .where(_not_closed)
    .order_by(*_in_order)
    .with_for_update(of=breakers, read=True)
)

_new = rows(
    "new",
    user_id=BIGINT,
    host=TEXT,
    state=TEXT,
    failures=BIGINT,
    last_error=TEXT,
    opens=BIGINT,
    opened_at=INSTANT,
    probe_at=INSTANT,
    probe_trigger_id=BIGINT,
)
WRITE = (
    update(breakers)
    .where(breakers.c.user_id == _new.c.user_id, breakers.c.host == _new.c.host)
    .values(
        state=_new.c.state,
        failures=_new.c.failures,
        last_error=_new.c.last_error,
        opens=func.least(_new.c.opens, 1000).cast(SmallInteger),
        opened_at=_new.c.opened_at,
        probe_at=_new.c.probe_at,
        probe_trigger_id=_new.c.probe_trigger_id,
        updated_at=_now,
    )
)
TAKE_PROBE = (
    update(breakers)
    .where(
        breakers.c.user_id == bindparam("user"),
        breakers.c.host == bindparam("of_host"),
        _not_closed,
        or_(breakers.c.probe_at <= _now, breakers.c.probe_trigger_id == bindparam("trigger")),
    )
    .values(
        state=BreakerState.HALF_OPEN.value,
        probe_at=bindparam("until", type_=INSTANT),
        probe_trigger_id=bindparam("trigger"),
        updated_at=_now,
    )
    .returning(*_COLUMNS)
)

_waiting_for = (triggers.c.user_id == breakers.c.user_id, triggers.c.held_for == breakers.c.host)
_held = triggers.c.hold == literal_column("'breaker'")
# Where nothing is held, the next trigger that comes is the probe.
DUE_FOR_PROBE = (
    select(breakers.c.user_id, breakers.c.host)
    .where(_not_closed, breakers.c.probe_at <= _now, exists().where(*_waiting_for, _held))
    .order_by(breakers.c.probe_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_oldest = (
    select(triggers.c.id)
    .where(triggers.c.user_id == _key.c.user_id, triggers.c.held_for == _key.c.host, _held)
    .order_by(triggers.c.due_at)
    .limit(1)
    .with_for_update(skip_locked=True)
    .lateral("oldest")
)
OLDEST = select(_key.c.user_id, _key.c.host, _oldest.c.id).select_from(_key.join(_oldest, true()))
_probe = rows("probe", user_id=BIGINT, host=TEXT, trigger_id=BIGINT)
APPOINT = (
    update(breakers)
    .where(breakers.c.user_id == _probe.c.user_id, breakers.c.host == _probe.c.host)
    .values(
        state=BreakerState.HALF_OPEN.value,
        probe_at=bindparam("until", type_=INSTANT),
        probe_trigger_id=_probe.c.trigger_id,
        updated_at=_now,
    )
)

HELD = select(func.count()).select_from(triggers).where(*_waiting_for, _held).correlate(breakers).scalar_subquery()
LIST = (
    select(*_COLUMNS, HELD.label("held"))
    .where(breakers.c.user_id == bindparam("user"))
    .order_by(_not_closed.desc(), breakers.c.updated_at.desc(), breakers.c.host)
    .limit(LISTED)
)
FIND = select(*_COLUMNS, HELD.label("held")).where(
    breakers.c.user_id == bindparam("user"), breakers.c.host == bindparam("of_host")
)

_forgotten = (
    select(breakers.c.user_id, breakers.c.host)
    .where(breakers.c.updated_at < bindparam("before", type_=INSTANT), ~exists().where(*_waiting_for, _held))
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
    .cte("forgotten")
)
FORGET = delete(breakers).where(breakers.c.user_id == _forgotten.c.user_id, breakers.c.host == _forgotten.c.host)


@dataclass(frozen=True, slots=True)
class ListedBreaker:
    """A breaker as its owner sees it, with the number of triggers that wait for it."""

    breaker: Breaker
    held: int


def of_users(connection: Connection, user_ids: Iterable[UserId]) -> dict[HostKey, Breaker]:
    """The breakers of these users that are not closed, or have failures."""
    found = [_breaker(row) for row in connection.execute(OF_USERS, {"users": sorted(set(user_ids))})]
    return {breaker.key: breaker for breaker in found}


def lock(connection: Connection, keys: Iterable[HostKey], failing: Iterable[HostKey], now: datetime) -> list[Breaker]:
    """These breakers, locked; those of ``failing`` hosts are made where there is none, others may be missing."""
    if made := sorted(set(failing)):
        connection.execute(PLACE, bound(_key, made) | {"now": now})
    return [_breaker(row) for row in connection.execute(LOCK, bound(_key, sorted(set(keys))))]


def write(connection: Connection, changed: Sequence[Breaker], now: datetime) -> None:
    """Overwrite locked breakers."""
    if changed:
        connection.execute(WRITE, bound(_new, [_values(breaker) for breaker in changed]) | {"now": now})


def take_probe(
    connection: Connection, key: HostKey, trigger_id: TriggerId, until: datetime, now: datetime
) -> Breaker | None:
    """Make the trigger the one that tries, until then; None when another one does, or nobody needs to."""
    whose = {"user": key[0], "of_host": key[1], "trigger": trigger_id}
    row = connection.execute(TAKE_PROBE, whose | {"until": until, "now": now}).one_or_none()
    return _breaker(row) if row else None


def appoint_probes(
    connection: Connection, until: datetime, now: datetime, limit: int
) -> list[tuple[UserId, str, TriggerId]]:
    """Choose the oldest trigger held for each host that is to be tried; they have until then to reach it."""
    due = connection.execute(DUE_FOR_PROBE, {"now": now, "limit": limit}).all()
    chosen = list(connection.execute(OLDEST, bound(_key, due)).all()) if due else []
    if chosen:
        connection.execute(APPOINT, bound(_probe, chosen) | {"until": until, "now": now})
    return [(user_id, host, trigger_id) for user_id, host, trigger_id in chosen]


def still_open(connection: Connection, keys: Iterable[HostKey]) -> set[HostKey]:
    """Which of these are not closed, and stay so until the transaction ends."""
    return {(row.user_id, row.host) for row in connection.execute(STILL, bound(_key, sorted(set(keys))))}


def read_list(connection: Connection, user_id: UserId) -> list[ListedBreaker]:
    """The user's breakers, those that are not closed first, then the latest; at most ``LISTED``."""
    return [ListedBreaker(_breaker(row), row.held) for row in connection.execute(LIST, {"user": user_id})]


def find(connection: Connection, user_id: UserId, host: str) -> ListedBreaker | None:
    """The user's breaker of this host:port."""
    row = connection.execute(FIND, {"user": user_id, "of_host": clean(host)}).one_or_none()
    return ListedBreaker(_breaker(row), row.held) if row else None


def forget(connection: Connection, before: datetime, limit: int) -> int:
    """Delete breakers that nothing happened to since that instant and nothing waits for; answers how many."""
    return connection.execute(FORGET, {"before": before, "limit": limit}).rowcount


def _breaker(row: Any) -> Breaker:
    user_id, host, state, *rest = tuple(row)[: len(_COLUMNS)]
    return Breaker(user_id, host, BreakerState(state), *rest)


def _values(breaker: Breaker) -> tuple[Any, ...]:
    return astuple(replace(breaker, last_error=clean(breaker.last_error)))
