"""Who a person is to Google: the claims of an ID token (OpenID Connect Core 1.0, 3.1.3.7). Time is an argument."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.errors import NotSignedIn

ISSUERS = ("https://accounts.google.com", "accounts.google.com")
KEYS_URL = "https://www.googleapis.com/oauth2/v3/certs"
# Google's clock and ours may differ by that much.
LEEWAY = timedelta(seconds=60)

REFUSED = "Google's word for who you are could not be accepted: {}."


@dataclass(frozen=True, slots=True)
class GooglePerson:
    """``subject`` is who it is, for ever; an address may pass to somebody else."""

    subject: str
    email: str
    first_name: str | None
    last_name: str | None


def person(claims: Mapping[str, Any], audience: str, now: datetime) -> GooglePerson:
    """The person that claims with a good signature name; raises ``NotSignedIn`` unless they are for us, and now."""
    if claims.get("iss") not in ISSUERS or claims.get("aud") != audience:
        raise NotSignedIn(REFUSED.format("it was made for somebody else"))
    issued, expires = claims.get("iat"), claims.get("exp")
    if not isinstance(issued, int) or not isinstance(expires, int) or expires <= (now - LEEWAY).timestamp():
        raise NotSignedIn(REFUSED.format("it has expired"))
    if issued > (now + LEEWAY).timestamp():
        raise NotSignedIn(REFUSED.format("it is not valid yet"))
    subject, email = claims.get("sub"), claims.get("email")
    if not isinstance(subject, str) or not subject or not isinstance(email, str) or "@" not in email:
        raise NotSignedIn(REFUSED.format("it names nobody"))
    if claims.get("email_verified") is not True:
        raise NotSignedIn(REFUSED.format("your address is not verified there"))
    return GooglePerson(subject, email, _text(claims.get("given_name")), _text(claims.get("family_name")))


def _text(value: object) -> str | None:
    return value[:200] if isinstance(value, str) and value else None
