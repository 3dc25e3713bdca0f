"""Access tokens."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest

from shared import tokens
from shared.errors import NotSignedIn
from shared.identity import SessionId
from shared.tokens import Bearer
from shared.user import UserId

NOW = datetime(2030, 1, 1, tzinfo=UTC)
SECRET = "a secret of quite sufficient length"
KEYS = (SECRET,)
ADA = Bearer(UserId(7), SessionId(3))


def test_a_token_names_its_user_until_it_expires() -> None:
    token = tokens.issue(ADA, KEYS, NOW)
    assert tokens.read(token, KEYS, NOW) == ADA
    assert tokens.read(token, KEYS, NOW + tokens.LIFETIME - timedelta(seconds=1)) == ADA
    with pytest.raises(NotSignedIn, match="expired"):
        tokens.read(token, KEYS, NOW + tokens.LIFETIME)


def test_a_token_from_the_future_is_refused_beyond_a_round_trips_difference() -> None:
    token = tokens.issue(ADA, KEYS, NOW)
    assert tokens.read(token, KEYS, NOW - timedelta(seconds=5)) == ADA
    with pytest.raises(NotSignedIn):
        tokens.read(token, KEYS, NOW - timedelta(minutes=5))


@pytest.mark.parametrize("field", ["iss", "aud", "sub", "sid", "iat", "exp"])
def test_a_token_without_any_one_of_its_claims_is_refused(field: str) -> None:
    good = tokens.issue(ADA, KEYS, NOW)
    claims = jwt.decode(good, options={"verify_signature": False})
    headers = {"kid": jwt.get_unverified_header(good)["kid"]}
    assert tokens.read(jwt.encode(claims, SECRET, "HS256", headers=headers), KEYS, NOW) == ADA
    del claims[field]
    with pytest.raises(NotSignedIn):
        tokens.read(jwt.encode(claims, SECRET, "HS256", headers=headers), KEYS, NOW)


@pytest.mark.parametrize("token", ["", "a.b.c", "....", "é", "null", "x" * 10_000])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(NotSignedIn):
        tokens.read(token, KEYS, NOW)


def test_another_secret_signs_other_tokens() -> None:
    with pytest.raises(NotSignedIn):
        tokens.read(tokens.issue(ADA, (SECRET + "!",), NOW), KEYS, NOW)


def test_while_a_secret_takes_the_place_of_another_both_are_good() -> None:
    """And the new one signs."""
    old, new = tokens.issue(ADA, KEYS, NOW), (SECRET + "!", SECRET)
    assert tokens.read(old, new, NOW) == ADA
    assert tokens.read(tokens.issue(ADA, new, NOW), new[:1], NOW) == ADA
