"""Access tokens: JWTs (RFC 7519) that say who is calling. Time is an argument, so PyJWT's own clock is switched off."""

from datetime import datetime, timedelta
from hashlib import sha256

import jwt
from jwt.types import Options

from shared.errors import NotSignedIn
from shared.user import UserId

ALGORITHM = "HS256"
ISSUER = "cronny"
AUDIENCE = "cronny-api"
LIFETIME = timedelta(hours=12)
# Instances read the database's clock at different moments and may differ by a round trip.
LEEWAY = timedelta(seconds=30)

_OPTIONS: Options = {"require": ["iss", "aud", "sub", "iat", "exp"], "verify_exp": False, "verify_iat": False}


def issue(user_id: UserId, secret: str, now: datetime) -> str:
    """A token that lets its bearer act as this user until ``LIFETIME`` after ``now``."""
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": str(user_id), "iat": int(now.timestamp())}
    claims["exp"] = int((now + LIFETIME).timestamp())
    return jwt.encode(claims, secret, ALGORITHM, headers={"kid": _key_id(secret)})


def bearer(token: str, secret: str, now: datetime) -> UserId:
    """Whose token this is; raises ``NotSignedIn`` unless it is ours, whole, and valid at ``now``."""
    try:
        if jwt.get_unverified_header(token).get("kid") != _key_id(secret):
            raise NotSignedIn("This token is not valid; log in again.")
        claims = jwt.decode(token, secret, [ALGORITHM], audience=AUDIENCE, issuer=ISSUER, options=_OPTIONS)
        issued, expires, user_id = int(claims["iat"]), int(claims["exp"]), int(claims["sub"])
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise NotSignedIn("This token is not valid; log in again.") from error
    if expires <= now.timestamp():
        raise NotSignedIn("This token has expired; log in again.")
    if issued > (now + LEEWAY).timestamp():
        raise NotSignedIn("This token is not valid yet.")
    return UserId(user_id)


def _key_id(secret: str) -> str:
    """Names the signing key without telling anything about it."""
    return sha256(b"cronny kid " + secret.encode()).hexdigest()[:12]
