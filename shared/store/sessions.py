"""SQL of sessions and their refresh tokens."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, LargeBinary, bindparam, delete, insert, select, update

from shared.identity import SessionId
from shared.quotas import MAX_REFRESH_TOKENS, MAX_SESSIONS
from shared.rates import Rate
from shared.store.arrays import INSTANT
from shared.store.tables import plans, refresh_tokens, sessions, users
from shared.user import UserId

_now = bindparam("now", type_=INSTANT)
_until = bindparam("until", type_=INSTANT)
_this = sessions.c.id == bindparam("session")
_hash = bindparam("hash_of", type_=LargeBinary())

OPEN = insert(sessions).values(user_id=bindparam("user"), created_at=_now, expires_at=_until).returning(sessions.c.id)
LIVES = (
    select(sessions.c.user_id, plans.c.requests_per_second, plans.c.requests_at_once)
    .select_from(sessions.join(users, users.c.id == sessions.c.user_id).join(plans, plans.c.id == users.c.plan_id))
    .where(_this, sessions.c.revoked_at.is_(None), sessions.c.expires_at > _now)
)
# The session's row is what two who come with the same token queue for.
FIND_TOKEN = (
    select(sessions.c.id, sessions.c.user_id, sessions.c.revoked_at, sessions.c.expires_at, refresh_tokens.c.used_at)
    .join(refresh_tokens, refresh_tokens.c.session_id == sessions.c.id)
    .where(refresh_tokens.c.hash == _hash)
    .with_for_update()
)
ISSUE = insert(refresh_tokens).values(hash=_hash, session_id=bindparam("session"), issued_at=_now)
USE = update(refresh_tokens).where(refresh_tokens.c.hash == _hash).values(used_at=_now)
EXTEND = update(sessions).where(_this).values(expires_at=_until)
REVOKE = update(sessions).where(_this, sessions.c.revoked_at.is_(None)).values(revoked_at=_now)
REVOKE_ALL = (
    update(sessions)
    .where(sessions.c.user_id == bindparam("user"), sessions.c.revoked_at.is_(None))
    .values(revoked_at=_now)
)
FORGET = delete(sessions).where(
    sessions.c.id.in_(
        select(sessions.c.id)
        .where(sessions.c.expires_at < bindparam("before", type_=INSTANT))
        .order_by(sessions.c.expires_at)
        .limit(bindparam("limit"))
    )
)


_surplus = (
    select(sessions.c.id)
    .where(sessions.c.user_id == bindparam("user"))
    .order_by(sessions.c.expires_at.desc(), sessions.c.id.desc())
    .offset(bindparam("keep"))
    .with_for_update(skip_locked=True)
)
TRIM = delete(sessions).where(sessions.c.id.in_(_surplus))
_oldest_kept = (
    select(refresh_tokens.c.issued_at)
    .where(refresh_tokens.c.session_id == bindparam("session"))
    .order_by(refresh_tokens.c.issued_at.desc())
    .offset(bindparam("keep"))
    .limit(1)
    .scalar_subquery()
)
TRIM_TOKENS = delete(refresh_tokens).where(
    refresh_tokens.c.session_id == bindparam("session"), refresh_tokens.c.issued_at <= _oldest_kept
)


class Found(NamedTuple):
    """The session of a refresh token, and when the token was used."""

    id: SessionId
    user_id: UserId
    revoked_at: datetime | None
    expires_at: datetime
    used_at: datetime | None


def open_session(connection: Connection, user_id: UserId, now: datetime, until: datetime) -> SessionId:
    """A new session. Of too many those are forgotten that were refreshed least lately."""
    connection.execute(TRIM, {"user": user_id, "keep": MAX_SESSIONS - 1})
    return SessionId(connection.execute(OPEN, {"user": user_id, "now": now, "until": until}).scalar_one())


def user_of(connection: Connection, session_id: SessionId, now: datetime) -> tuple[UserId, Rate] | None:
    """Whose session this is, and how often their plan lets them ask; None when it has ended."""
    row = connection.execute(LIVES, {"session": session_id, "now": now}).one_or_none()
    return (row.user_id, Rate(row.requests_per_second, row.requests_at_once)) if row else None


def find_token(connection: Connection, token_hash: bytes) -> Found | None:
    """The session that this refresh token belongs to, locked."""
    row = connection.execute(FIND_TOKEN, {"hash_of": token_hash}).one_or_none()
    return Found(*row) if row else None


def issue(connection: Connection, session_id: SessionId, token_hash: bytes, now: datetime) -> None:
    """Another refresh token of the session. Of too many the oldest are forgotten."""
    connection.execute(TRIM_TOKENS, {"session": session_id, "keep": MAX_REFRESH_TOKENS - 1})
    connection.execute(ISSUE, {"hash_of": token_hash, "session": session_id, "now": now})


def use(connection: Connection, session_id: SessionId, token_hash: bytes, now: datetime, until: datetime) -> None:
    """Mark this one used, and let the session go on until then."""
    connection.execute(USE, {"hash_of": token_hash, "now": now})
    connection.execute(EXTEND, {"session": session_id, "until": until})


def revoke(connection: Connection, session_id: SessionId, now: datetime) -> None:
    """End the session."""
    connection.execute(REVOKE, {"session": session_id, "now": now})


def revoke_all(connection: Connection, user_id: UserId, now: datetime) -> int:
    """End all sessions of a user; answers how many."""
    return connection.execute(REVOKE_ALL, {"user": user_id, "now": now}).rowcount


def forget(connection: Connection, before: datetime, limit: int) -> int:
    """Delete sessions that expired before that instant, with their tokens."""
    return connection.execute(FORGET, {"before": before, "limit": limit}).rowcount
