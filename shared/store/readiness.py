"""SQL that tells how the functions are, across all users and naming none."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, literal_column, or_, select

from shared.store.arrays import INSTANT
from shared.store.tables import heartbeats, triggers

_now = bindparam("now", type_=INSTANT)
BEATS = select(
    heartbeats.c.service,
    func.extract("epoch", _now - func.max(heartbeats.c.beat_at)).label("age"),
    func.count().filter(heartbeats.c.beat_at >= bindparam("alive_since", type_=INSTANT)).label("alive"),
).group_by(heartbeats.c.service)

# What the creator's own statement would take next, by the same index.
LAG = select(
    func.extract("epoch", _now - func.min(triggers.c.next_attempt_at)),
).where(
    triggers.c.status == "scheduled",
    or_(triggers.c.hold.is_(None), triggers.c.hold != literal_column("'limit'")),
    triggers.c.next_attempt_at <= _now,
)


def beats(connection: Connection, now: datetime, alive_since: datetime) -> Sequence[Any]:
    """Of each service: (service, seconds since its youngest sign of life, instances heard of since then)."""
    return connection.execute(BEATS, {"now": now, "alive_since": alive_since}).all()


def lag(connection: Connection, now: datetime) -> float:
    """For how many seconds the oldest trigger that is due has waited for a creator; 0 when none does."""
    return float(connection.execute(LAG, {"now": now}).scalar() or 0)
