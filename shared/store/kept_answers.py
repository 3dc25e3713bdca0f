"""SQL of answers that are kept for requests that are sent again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, delete, func, null, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from shared.store.arrays import BIGINT, INSTANT
from shared.store.tables import kept_answers
from shared.user import UserId

_now, _until = bindparam("now", type_=INSTANT), bindparam("until", type_=INSTANT)
_THIS = (kept_answers.c.user_id == bindparam("user"), kept_answers.c.key == bindparam("of_key"))
_CLAIMED = (*_THIS, kept_answers.c.claim == bindparam("of_claim"), kept_answers.c.status.is_(None))

_new = insert(kept_answers).values(
    user_id=bindparam("user"), key=bindparam("of_key"), request=bindparam("request"), expires_at=_until
)
CLAIM = _new.on_conflict_do_update(
    index_elements=["user_id", "key"],
    set_={
        "request": _new.excluded.request,
        "claim": func.gen_random_uuid(),
        "status": null(),
        "headers": null(),
        "body": null(),
        "expires_at": _new.excluded.expires_at,
    },
    where=kept_answers.c.expires_at <= _now,
).returning(kept_answers.c.claim)
FIND = select(kept_answers.c.request, kept_answers.c.status, kept_answers.c.headers, kept_answers.c.body).where(*_THIS)
KEEP = (
    update(kept_answers)
    .where(*_CLAIMED)
    .values(
        status=bindparam("to_status"), headers=bindparam("to_headers"), body=bindparam("to_body"), expires_at=_until
    )
)
FREE = delete(kept_answers).where(*_CLAIMED)
_expired = (
    select(kept_answers.c.user_id, kept_answers.c.key)
    .where(kept_answers.c.expires_at <= _now)
    .order_by(kept_answers.c.expires_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
FORGET = delete(kept_answers).where(tuple_(kept_answers.c.user_id, kept_answers.c.key).in_(_expired))

_newest = (kept_answers.c.expires_at.desc(), kept_answers.c.key)
_kept = (
    select(
        kept_answers.c.key,
        func.row_number().over(order_by=_newest).label("place"),
        func.sum(func.coalesce(func.octet_length(kept_answers.c.body), 0)).over(order_by=_newest).label("bytes"),
    )
    .where(kept_answers.c.user_id == bindparam("user"), kept_answers.c.status.is_not(None))
    .subquery()
)
_surplus = select(_kept.c.key).where(
    or_(_kept.c.place > bindparam("most", type_=BIGINT), _kept.c.bytes > bindparam("most_bytes", type_=BIGINT))
)
_trimmed = (
    select(kept_answers.c.user_id, kept_answers.c.key)
    .where(kept_answers.c.user_id == bindparam("user"), kept_answers.c.key.in_(_surplus))
    .with_for_update(skip_locked=True)
)
TRIM = delete(kept_answers).where(tuple_(kept_answers.c.user_id, kept_answers.c.key).in_(_trimmed))


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer as it went out; without a ``body`` when nobody may read that twice."""

    status: int
    headers: Mapping[str, str]
    body: str | None


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to answer to a key, until somebody else has claimed it."""

    user_id: UserId
    key: str
    token: UUID


def claim(
    connection: Connection, user_id: UserId, key: str, request: str, now: datetime, until: datetime
) -> Claim | None:
    """Claim a key that nobody has used or whose time is over, until that instant; None when somebody has it."""
    parameters = {"user": user_id, "of_key": key, "request": request, "now": now, "until": until}
    token = connection.execute(CLAIM, parameters).scalar_one_or_none()
    return None if token is None else Claim(user_id, key, token)


def find(connection: Connection, user_id: UserId, key: str) -> tuple[str, KeptAnswer | None] | None:
    """The hash of the request that has this key, and its answer if there is one already."""
    row = connection.execute(FIND, {"user": user_id, "of_key": key}).one_or_none()
    if row is None:
        return None
    return row.request, None if row.status is None else KeptAnswer(row.status, row.headers, row.body)


def keep(connection: Connection, claim: Claim, answer: KeptAnswer, until: datetime) -> bool:
    """Keep the answer until that instant; False when somebody else has claimed the key meanwhile."""
    values = {"to_status": answer.status, "to_headers": dict(answer.headers), "to_body": answer.body, "until": until}
    return connection.execute(KEEP, _own(claim) | values).rowcount == 1


def free(connection: Connection, claim: Claim) -> None:
    """Let others use the key, if no answer is kept and nobody else has claimed it."""
    connection.execute(FREE, _own(claim))


def trim(connection: Connection, user_id: UserId, most: int, most_bytes: int) -> int:
    """Delete the user's oldest answers beyond so many, and so many bytes of them; answers how many."""
    return connection.execute(TRIM, {"user": user_id, "most": most, "most_bytes": most_bytes}).rowcount


def forget(connection: Connection, now: datetime, limit: int) -> int:
    """Delete rows whose time is over; answers how many."""
    return connection.execute(FORGET, {"now": now, "limit": limit}).rowcount


def _own(claim: Claim) -> dict[str, Any]:
    return {"user": claim.user_id, "of_key": claim.key, "of_claim": claim.token}
