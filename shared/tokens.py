"""Access tokens, JWTs (RFC 7519) that say who is calling, and those of others. PyJWT is given the time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import jwt
from jwt.types import Options

from shared.errors import NotSignedIn
from shared.identity import SessionId
from shared.user import UserId

ALGORITHM = "HS256"
ISSUER = "cronny"
AUDIENCE = "cronny-api"
LIFETIME = timedelta(minutes=15)
# Instances read the database's clock at different moments and may differ by a round trip.
LEEWAY = timedelta(seconds=30)

NOT_VALID = "This token is not valid; log in again."

_OPTIONS: Options = {"require": ["iss", "aud", "sub", "sid", "iat", "exp"], "verify_exp": False, "verify_iat": False}


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who signed in, and in which session."""

    user_id: UserId
    session_id: SessionId


def issue(bearer: Bearer, keys: Sequence[str], now: datetime) -> str:
    """A token that lets its bearer act as this user until ``LIFETIME`` after ``now``, signed with the first key."""
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": str(bearer.user_id), "sid": str(bearer.session_id)}
    instants = {"iat": int(now.timestamp()), "exp": int((now + LIFETIME).timestamp())}
    return jwt.encode({**claims, **instants}, keys[0], ALGORITHM, headers={"kid": _key_id(keys[0])})


def read(token: str, keys: Sequence[str], now: datetime) -> Bearer:
    """Whose token this is; raises ``NotSignedIn`` unless it is ours, whole, and valid at ``now``.

    Any of the keys will do: while one takes the place of another, both live, and nobody is logged out.
    """
    try:
        kid = jwt.get_unverified_header(token).get("kid")
        key = next((key for key in keys if _key_id(key) == kid), None)
        if key is None:
            raise NotSignedIn(NOT_VALID)
        claims = jwt.decode(token, key, [ALGORITHM], audience=AUDIENCE, issuer=ISSUER, options=_OPTIONS)
        issued, expires = int(claims["iat"]), int(claims["exp"])
        bearer = Bearer(UserId(int(claims["sub"])), SessionId(int(claims["sid"])))
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise NotSignedIn(NOT_VALID) from error
    if expires <= now.timestamp():
        raise NotSignedIn("This token has expired; refresh it, or log in again.")
    if issued > (now + LEEWAY).timestamp():
        raise NotSignedIn("This token is not valid yet.")
    return bearer


def claims_of(token: str, keys: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """What a token of somebody else's says, signed by one of their public keys (RFC 7517) with RS256.

    Raises ``LookupError`` when it names another key, and ``NotSignedIn`` for any other fault; looks at no times.
    """
    try:
        kid = jwt.get_unverified_header(token).get("kid")
        key = next((key for key in keys if key.get("kid") == kid and key.get("kty") == "RSA"), None)
        if key is None:
            raise LookupError(kid)
        unchecked: Options = {"verify_aud": False, "verify_exp": False, "verify_iat": False, "verify_nbf": False}
        claims: Mapping[str, Any] = jwt.decode(token, jwt.PyJWK(dict(key)), ["RS256"], options=unchecked)
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise NotSignedIn("This is no ID token of Google's.") from error
    return claims


def _key_id(secret: str) -> str:
    """Names the signing key without telling anything about it."""
    return sha256(b"cronny kid " + secret.encode()).hexdigest()[:12]
