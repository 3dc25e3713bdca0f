"""SQL of logins that failed."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, LargeBinary, any_, bindparam, case, delete, select
from sqlalchemy.dialects.postgresql import ARRAY, insert

from shared.guessing import FORGOTTEN_AFTER
from shared.store.arrays import INSTANT
from shared.store.tables import login_failures

_keys = bindparam("keys", type_=ARRAY(LargeBinary()))
_now, _forgotten = bindparam("now", type_=INSTANT), bindparam("forgotten", type_=INSTANT)

FAILURES = select(login_failures).where(login_failures.c.key == any_(_keys), login_failures.c.failed_at > _forgotten)
COUNT = (
    insert(login_failures)
    .values(key=bindparam("one", type_=LargeBinary()), failures=1, failed_at=_now)
    .on_conflict_do_update(
        index_elements=["key"],
        set_={
            "failures": case((login_failures.c.failed_at > _forgotten, login_failures.c.failures + 1), else_=1),
            "failed_at": _now,
        },
    )
)
FORGIVE = delete(login_failures).where(login_failures.c.key == bindparam("one", type_=LargeBinary()))
FORGET = delete(login_failures).where(
    login_failures.c.key.in_(
        select(login_failures.c.key)
        .where(login_failures.c.failed_at < bindparam("before", type_=INSTANT))
        .order_by(login_failures.c.failed_at)
        .limit(bindparam("limit"))
    )
)


class Failed(NamedTuple):
    """How often in a row, and when the last time."""

    failures: int
    failed_at: datetime


def failures(connection: Connection, keys: Sequence[bytes], now: datetime) -> dict[bytes, Failed]:
    """What is remembered of these accounts and networks."""
    found = connection.execute(FAILURES, {"keys": list(keys), "forgotten": now - FORGOTTEN_AFTER})
    return {bytes(row.key): Failed(row.failures, row.failed_at) for row in found}


def count(connection: Connection, keys: Sequence[bytes], now: datetime) -> None:
    """One more of each. Always in the same order, so that two who fail at once do not wait for each other."""
    for key in sorted(keys):
        connection.execute(COUNT, {"one": key, "now": now, "forgotten": now - FORGOTTEN_AFTER})


def forgive(connection: Connection, key: bytes) -> None:
    """Whoever knew the password at last begins anew."""
    connection.execute(FORGIVE, {"one": key})


def forget(connection: Connection, before: datetime, limit: int) -> int:
    """Delete what is older."""
    return connection.execute(FORGET, {"before": before, "limit": limit}).rowcount
