"""SQL of the functions' own rows: signs of life, and the creator's lease."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from shared.store.arrays import INSTANT, TEXT
from shared.store.tables import creator_lease, heartbeats

_now = bindparam("now", type_=INSTANT)
BEAT = (
    insert(heartbeats)
    .values(
        service=bindparam("service"),
        instance=bindparam("instance"),
        version=bindparam("version"),
        endpoint=bindparam("endpoint", type_=TEXT),
        started_at=_now,
        beat_at=_now,
    )
    .on_conflict_do_update(
        index_elements=["service", "instance"],
        set_={"beat_at": _now, "version": bindparam("version"), "endpoint": bindparam("endpoint", type_=TEXT)},
    )
)
FORGET = delete(heartbeats).where(heartbeats.c.beat_at < bindparam("before", type_=INSTANT))
LISTED = (
    select(heartbeats)
    .order_by(heartbeats.c.service, heartbeats.c.beat_at.desc(), heartbeats.c.instance)
    .limit(bindparam("limit"))
)
TAKE_LEASE = (
    update(creator_lease)
    .values(epoch=creator_lease.c.epoch + 1, holder=bindparam("instance"), taken_at=_now)
    .returning(creator_lease.c.epoch)
)
EPOCH = select(creator_lease.c.epoch)


def beat(
    connection: Connection, service: str, instance: str, version: str, now: datetime, endpoint: str | None = None
) -> None:
    """Say that this instance of a service is alive."""
    said = {"service": service, "instance": instance, "version": version, "endpoint": endpoint}
    connection.execute(BEAT, said | {"now": now})


def listed(connection: Connection, limit: int) -> Sequence[Any]:
    """Instances that are known, by service, those that were heard of last first: the columns of ``heartbeats``."""
    return connection.execute(LISTED, {"limit": limit}).all()


def forget_silent(connection: Connection, before: datetime) -> int:
    """Drop instances that were last heard of before that instant."""
    return connection.execute(FORGET, {"before": before}).rowcount


def take_lease(connection: Connection, instance: str, now: datetime) -> int:
    """Become the creator that goes on; answers the epoch that says so while nobody takes the next one."""
    epoch: int = connection.execute(TAKE_LEASE, {"instance": instance, "now": now}).scalar_one()
    return epoch


def current_epoch(connection: Connection) -> int:
    """The epoch of the newest creator."""
    epoch: int = connection.execute(EPOCH).scalar_one()
    return epoch
