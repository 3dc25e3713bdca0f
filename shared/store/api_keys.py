"""SQL of API keys."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, LargeBinary, bindparam, delete, insert, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from shared.identity import ApiKey, KeyId, Scope
from shared.rates import Rate
from shared.store.arrays import INSTANT, TEXT
from shared.store.tables import api_keys, plans, users
from shared.user import UserId

# How exact ``last_used_at`` is: a key that is used all the time is not written all the time.
USE_IS_NOTED_EVERY = timedelta(minutes=1)

_VISIBLE = tuple(column for column in api_keys.c if column.name not in ("hash", "user_id"))
_mine = (api_keys.c.user_id == bindparam("user"), api_keys.c.id == bindparam("key"))

CREATE = (
    insert(api_keys)
    .values(
        user_id=bindparam("user"),
        name=bindparam("key_name"),
        hash=bindparam("hash_of", type_=LargeBinary()),
        scopes=bindparam("may", type_=ARRAY(TEXT)),
        expires_at=bindparam("until", type_=INSTANT),
        created_at=bindparam("now", type_=INSTANT),
    )
    .returning(*_VISIBLE)
)
# Its secret has its id in it, which is only known by now.
SET_HASH = update(api_keys).where(*_mine).values(hash=bindparam("hash_of", type_=LargeBinary()))
CHANGE = update(api_keys).where(*_mine).returning(*_VISIBLE)
LIST = select(*_VISIBLE).where(api_keys.c.user_id == bindparam("user")).order_by(api_keys.c.id)
FIND = select(*_VISIBLE).where(*_mine)
LOCK = FIND.with_for_update(key_share=True)
DELETE = delete(api_keys).where(*_mine)
LOOK_UP = (
    select(
        *(api_keys.c.user_id, api_keys.c.hash, api_keys.c.scopes, api_keys.c.expires_at),
        *(plans.c.requests_per_second, plans.c.requests_at_once),
    )
    .select_from(api_keys.join(users, users.c.id == api_keys.c.user_id).join(plans, plans.c.id == users.c.plan_id))
    .where(api_keys.c.id == bindparam("key"))
)
NOTE_USE = (
    update(api_keys)
    .where(
        api_keys.c.id == bindparam("key"),
        or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < bindparam("before", type_=INSTANT)),
    )
    .values(last_used_at=bindparam("now", type_=INSTANT))
)


class Known(NamedTuple):
    """Whose key it is, what its secret's hash must be, what it may, and how often."""

    user_id: UserId
    hash: bytes
    scopes: frozenset[Scope]
    expires_at: datetime | None
    rate: Rate


def create(connection: Connection, user_id: UserId, fields: Mapping[str, Any], now: datetime) -> ApiKey:
    """A new key that nothing opens yet; raises ``Conflict`` for a taken name."""
    row = {"user": user_id, "key_name": fields["name"], "may": list(fields["scopes"]), "hash_of": b""}
    return _key(connection.execute(CREATE, {**row, "until": fields.get("expires_at"), "now": now}).one())


def set_hash(connection: Connection, user_id: UserId, key_id: KeyId, secret_hash: bytes) -> None:
    """From now on this secret opens it."""
    connection.execute(SET_HASH, {"user": user_id, "key": key_id, "hash_of": secret_hash})


def read_list(connection: Connection, user_id: UserId) -> tuple[ApiKey, ...]:
    """All keys of a user, oldest first."""
    return tuple(_key(row) for row in connection.execute(LIST, {"user": user_id}))


def find(connection: Connection, user_id: UserId, key_id: KeyId) -> ApiKey | None:
    """One of them."""
    row = connection.execute(FIND, {"user": user_id, "key": key_id}).one_or_none()
    return _key(row) if row else None


def lock(connection: Connection, user_id: UserId, key_id: KeyId) -> ApiKey | None:
    """The same, held until the transaction ends."""
    row = connection.execute(LOCK, {"user": user_id, "key": key_id}).one_or_none()
    return _key(row) if row else None


def change(connection: Connection, user_id: UserId, key_id: KeyId, changes: Mapping[str, Any]) -> ApiKey | None:
    """Write these columns; None when there is no such key."""
    row = connection.execute(CHANGE.values(**changes), {"user": user_id, "key": key_id}).one_or_none()
    return _key(row) if row else None


def remove(connection: Connection, user_id: UserId, key_id: KeyId) -> None:
    """Delete it."""
    connection.execute(DELETE, {"user": user_id, "key": key_id})


def look_up(connection: Connection, key_id: KeyId) -> Known | None:
    """What a key of this id needs and may."""
    row = connection.execute(LOOK_UP, {"key": key_id}).one_or_none()
    if row is None:
        return None
    rate = Rate(row.requests_per_second, row.requests_at_once)
    return Known(row.user_id, row.hash, frozenset(map(Scope, row.scopes)), row.expires_at, rate)


def note_use(connection: Connection, key_id: KeyId, now: datetime) -> None:
    """Remember that it was used, to the minute."""
    connection.execute(NOTE_USE, {"key": key_id, "now": now, "before": now - USE_IS_NOTED_EVERY})


def _key(row: Any) -> ApiKey:
    fields = {column.name: getattr(row, column.name) for column in _VISIBLE}
    return ApiKey(**fields | {"scopes": tuple(map(Scope, row.scopes))})
