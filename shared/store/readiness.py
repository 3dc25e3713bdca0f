"""SQL that tells how the functions are, across all users and naming none."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select

from shared.store.arrays import INSTANT
from shared.store.tables import heartbeats

AGES = select(
    heartbeats.c.service,
    func.extract("epoch", bindparam("now", type_=INSTANT) - func.max(heartbeats.c.beat_at)).label("age"),
).group_by(heartbeats.c.service)


def heartbeat_ages(connection: Connection, now: datetime) -> Mapping[str, float]:
    """Seconds since the youngest sign of life of each service that ever gave one."""
    return {row.service: max(float(row.age), 0.0) for row in connection.execute(AGES, {"now": now})}
