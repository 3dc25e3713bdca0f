"""SQL of the buckets that all processes share: one statement for many requests, and none for a refused one."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, Interval, LargeBinary, bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from shared.rates import Rate
from shared.store.arrays import INSTANT
from shared.store.tables import request_rates

_now = bindparam("now", type_=INSTANT)
_cost, _brim = bindparam("cost", type_=Interval()), bindparam("brim", type_=Interval())

# The generic cell rate algorithm (ITU-T I.371): all that is kept is when the bucket will be full again.
TELL = (
    insert(request_rates)
    .values(key=bindparam("of_key", type_=LargeBinary()), full_at=func.least(_now + _cost, _now + _brim))
    .on_conflict_do_update(
        index_elements=["key"],
        set_={"full_at": func.least(func.greatest(request_rates.c.full_at, _now) + _cost, _now + _brim)},
    )
    .returning(request_rates.c.full_at)
)
FORGET = delete(request_rates).where(
    request_rates.c.key.in_(
        select(request_rates.c.key)
        .where(request_rates.c.full_at < bindparam("before", type_=INSTANT))
        .limit(bindparam("limit"))
    )
)


def tell(connection: Connection, key: bytes, rate: Rate, requests: int, now: datetime) -> float:
    """So many requests were let through; answers the seconds until the bucket is full again.

    That is more than ``rate.window`` when one of them was too many. Nobody gets into debt by more than one.
    """
    cost, brim = timedelta(seconds=requests * rate.interval), timedelta(seconds=rate.window + rate.interval)
    told = {"of_key": key, "now": now, "cost": cost, "brim": brim}
    full_at: datetime = connection.execute(TELL, told).scalar_one()
    return (full_at - now).total_seconds()


def forget(connection: Connection, before: datetime, limit: int) -> int:
    """Delete buckets that were full by then, which is as if they had never been used; answers how many."""
    return connection.execute(FORGET, {"before": before, "limit": limit}).rowcount
