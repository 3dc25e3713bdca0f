"""Who calls, and what they may do. Secrets are random, behind a name by which scanners find them where they leak."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import NewType

from shared.rates import Rate
from shared.user import UserId

SessionId = NewType("SessionId", int)
KeyId = NewType("KeyId", int)

# A session ends when it was not refreshed for so long.
SESSION_LASTS = timedelta(days=30)
# Two tabs of a browser may refresh at once; whoever comes second so soon has stolen nothing.
SECOND_USE_IS_HASTE = timedelta(seconds=10)

REFRESH_PREFIX = "cronny_rt_"
KEY_PREFIX = "cronny_sk_"
_CHECKSUM_LENGTH = 6


class Scope(StrEnum):
    """What a call needs. All but ``ACCOUNT`` can be given to an API key; whoever signed in has all of them."""

    READ = "read"
    WRITE = "write"
    RUN = "run"
    ACCOUNT = "account"


GRANTABLE = (Scope.READ, Scope.WRITE, Scope.RUN)


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever signed in, in their session, or an API key with its scopes; ``rate``: how often they may ask."""

    user_id: UserId
    session_id: SessionId | None
    scopes: frozenset[Scope]
    rate: Rate


@dataclass(frozen=True, slots=True)
class Signed:
    """What logging in and refreshing give: a user's access token, the seconds it lasts, and the next refresh token."""

    user_id: UserId
    access: str
    expires_in: int
    refresh: str


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as its owner sees it; the secret itself is shown once and never again."""

    id: KeyId
    name: str
    scopes: tuple[Scope, ...]
    expires_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime


def digest(secret: str) -> bytes:
    """What is stored of a secret. It has 192 bits of chance, so that one round is enough."""
    return sha256(secret.encode()).digest()


def new_refresh_token() -> str:
    """A refresh token."""
    return REFRESH_PREFIX + secrets.token_urlsafe(32)


def new_key_secret(key_id: KeyId, random: str) -> str:
    """The secret of an API key; its end is a checksum, so that a slip of the hand is noticed before any database is."""
    body = f"{KEY_PREFIX}{key_id}_{random}"
    return body + _checksum(body)


def key_id_of(secret: str) -> KeyId | None:
    """Which key this may be; None when it is none."""
    body, checksum = secret[:-_CHECKSUM_LENGTH], secret[-_CHECKSUM_LENGTH:]
    number, _, random = body.removeprefix(KEY_PREFIX).partition("_")
    if not secret.startswith(KEY_PREFIX) or not random or checksum != _checksum(body):
        return None
    return KeyId(int(number)) if number.isascii() and number.isdecimal() and len(number) < 19 else None


def _checksum(body: str) -> str:
    return sha256(body.encode()).hexdigest()[:_CHECKSUM_LENGTH]
