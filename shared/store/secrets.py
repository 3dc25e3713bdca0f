"""SQL of secrets. Their values come and go sealed; only ``read_sealed``, ``lock`` and ``lock_batch`` read them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Text, and_, any_, bindparam, cast, delete, func, insert, or_, select, update

from shared.job import JobInputType, JsonValue
from shared.paging import Page, Slice
from shared.secret import Sealed, Secret, SecretId
from shared.store.arrays import BIGINT, INSTANT, TEXT, bound, ids, rows, texts
from shared.store.paging import Filters, narrowed, read_page
from shared.store.tables import actions, jobs, secrets
from shared.user import UserId

# How exact ``last_used_at`` is: a secret that is used each second is not written each second.
USE_IS_NOTED_EVERY = timedelta(minutes=1)

_SEALED = (secrets.c.key_id, secrets.c.wrapped_key, secrets.c.box)
_VISIBLE = tuple(column for column in secrets.c if column.name not in {column.name for column in _SEALED})
_OWNED = secrets.c.user_id == bindparam("user")
_THIS = (_OWNED, secrets.c.id == bindparam("key"))
_now = bindparam("now", type_=INSTANT)

CREATE = insert(secrets).values(created_at=_now, updated_at=_now).returning(*_VISIBLE)
LIST = select(*_VISIBLE).where(_OWNED)
FIND = select(*_VISIBLE).where(*_THIS)
# Not even a job that names it can be saved meanwhile: see HOLD.
LOCK = select(*_VISIBLE, *_SEALED).where(*_THIS).with_for_update()
CHANGE = update(secrets).where(*_THIS).values(updated_at=_now).returning(*_VISIBLE)
DELETE = delete(secrets).where(*_THIS)
FILTERS: Filters = {
    "q": func.strpos(func.lower(secrets.c.name), func.lower(bindparam("q", type_=TEXT))) > 0,
}
LOCK_BATCH = (
    select(*_VISIBLE, *_SEALED)
    .where(secrets.c.id > bindparam("after", type_=BIGINT))
    .order_by(secrets.c.id)
    .limit(bindparam("limit"))
    .with_for_update(key_share=True)
)
PUT_BOX = update(secrets).where(secrets.c.id == bindparam("key"))
# Who saves a job that names a secret keeps it from being deleted or renamed until that is done.
HOLD = (
    select(secrets.c.name)
    .where(_OWNED, secrets.c.name == any_(texts("names")))
    .order_by(secrets.c.id)
    .with_for_update(read=True, key_share=True)
)
# Jobs that may name it: the text is looked for here, and where exactly it stands by ``shared.placeholders``.
MENTIONING = (
    select(jobs.c.name, actions.c.name.label("action"), jobs.c.job_input_type, jobs.c.job_input_value)
    .join(actions, actions.c.id == jobs.c.action_id)
    .where(jobs.c.user_id == bindparam("user"), func.strpos(cast(jobs.c.job_input_value, Text), bindparam("name")) > 0)
    .order_by(jobs.c.id)
)

_wanted = rows("wanted", user_id=BIGINT, called=TEXT)
READ_SEALED = select(secrets.c.user_id, secrets.c.name, secrets.c.id, secrets.c.last_used_at, *_SEALED).join(
    _wanted, and_(_wanted.c.user_id == secrets.c.user_id, _wanted.c.called == secrets.c.name)
)
# Whoever is writing the same already says the same: nobody waits for anybody.
_stale = (
    select(secrets.c.id)
    .where(
        secrets.c.id == any_(ids("ids")),
        or_(secrets.c.last_used_at.is_(None), secrets.c.last_used_at < bindparam("before", type_=INSTANT)),
    )
    .with_for_update(skip_locked=True, key_share=True)
)
NOTE_USE = update(secrets).where(secrets.c.id.in_(_stale)).values(last_used_at=_now)


class Mention(NamedTuple):
    """A job whose input has a secret's name in it somewhere."""

    job: str
    action: str
    kind: JobInputType
    value: JsonValue


def create(connection: Connection, user_id: UserId, fields: Mapping[str, Any], sealed: Sealed, now: datetime) -> Secret:
    """A new secret; raises ``Conflict`` when the user has one of that name."""
    row = {"user_id": user_id, "name": fields["name"], "description": fields.get("description")}
    return _secret(connection.execute(CREATE, {**row, **columns(sealed), "now": now}).one())


def columns(sealed: Sealed) -> dict[str, Any]:
    """The columns that hold a sealed value."""
    return {"key_id": sealed.key_id, "wrapped_key": sealed.wrapped_key, "box": sealed.box}


def read_list(connection: Connection, user_id: UserId, filters: Mapping[str, Any], part: Slice) -> Page[Secret]:
    """The user's secrets, oldest first."""
    return read_page(connection, narrowed(LIST, FILTERS, filters), {**filters, "user": user_id}, part, _secret)


def find(connection: Connection, user_id: UserId, secret_id: SecretId) -> Secret | None:
    """The user's secret with this id."""
    row = connection.execute(FIND, {"user": user_id, "key": secret_id}).one_or_none()
    return _secret(row) if row else None


def lock(connection: Connection, user_id: UserId, secret_id: SecretId) -> tuple[Secret, Sealed] | None:
    """The same with its value, held until the transaction ends."""
    row = connection.execute(LOCK, {"user": user_id, "key": secret_id}).one_or_none()
    return (_secret(row), _sealed(row)) if row else None


def change(
    connection: Connection, user_id: UserId, secret_id: SecretId, changes: Mapping[str, Any], now: datetime
) -> Secret:
    """Write these columns of a locked secret; raises ``Conflict`` when another one has that name."""
    row = connection.execute(CHANGE.values(**changes), {"user": user_id, "key": secret_id, "now": now}).one()
    return _secret(row)


def remove(connection: Connection, user_id: UserId, secret_id: SecretId) -> None:
    """Delete it."""
    connection.execute(DELETE, {"user": user_id, "key": secret_id})


def lock_batch(connection: Connection, after: SecretId, limit: int) -> list[tuple[Secret, Sealed]]:
    """Anybody's secrets with their values, by id, held until the transaction ends."""
    found = connection.execute(LOCK_BATCH, {"after": after, "limit": limit})
    return [(_secret(row), _sealed(row)) for row in found]


def put_box(connection: Connection, secret_id: SecretId, sealed: Sealed) -> None:
    """The same value in another box: nothing that its owner would see."""
    connection.execute(PUT_BOX.values(**columns(sealed)), {"key": secret_id})


def hold(connection: Connection, user_id: UserId, names: Collection[str]) -> set[str]:
    """Which of these the user has; they keep their names until the transaction ends."""
    return set(connection.execute(HOLD, {"user": user_id, "names": sorted(names)}).scalars())


def mentions(connection: Connection, user_id: UserId, name: str) -> list[Mention]:
    """The user's jobs whose inputs have this name in them, as a secret's or not."""
    found = connection.execute(MENTIONING, {"user": user_id, "name": name})
    return [Mention(row.name, row.action, JobInputType(row.job_input_type), row.job_input_value) for row in found]


def read_sealed(
    connection: Connection, wanted: Collection[tuple[UserId, str]], now: datetime
) -> dict[tuple[UserId, str], Sealed]:
    """The sealed values of these users' secrets, and the note that they were used."""
    found = connection.execute(READ_SEALED, bound(_wanted, sorted(wanted))).all()
    _note_use(connection, found, now)
    return {(row.user_id, row.name): _sealed(row) for row in found}


def _note_use(connection: Connection, found: Sequence[Any], now: datetime) -> None:
    before = now - USE_IS_NOTED_EVERY
    stale = [row.id for row in found if row.last_used_at is None or row.last_used_at < before]
    if stale:
        connection.execute(NOTE_USE, {"ids": stale, "before": before, "now": now})


def _sealed(row: Any) -> Sealed:
    return Sealed(row.key_id, row.wrapped_key, row.box)


def _secret(row: Any) -> Secret:
    return Secret(**{column.name: getattr(row, column.name) for column in _VISIBLE})
