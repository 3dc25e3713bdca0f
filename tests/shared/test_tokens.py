"""Access tokens."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest

from shared import tokens
from shared.errors import NotSignedIn
from shared.user import UserId

NOW = datetime(2030, 1, 1, tzinfo=UTC)
SECRET = "a secret of quite sufficient length"


def test_a_token_names_its_user_until_it_expires() -> None:
    token = tokens.issue(UserId(7), SECRET, NOW)
    assert tokens.bearer(token, SECRET, NOW) == 7
    assert tokens.bearer(token, SECRET, NOW + tokens.LIFETIME - timedelta(seconds=1)) == 7
    with pytest.raises(NotSignedIn, match="expired"):
        tokens.bearer(token, SECRET, NOW + tokens.LIFETIME)


def test_a_token_from_the_future_is_refused_beyond_a_round_trips_difference() -> None:
    token = tokens.issue(UserId(7), SECRET, NOW)
    assert tokens.bearer(token, SECRET, NOW - timedelta(seconds=5)) == 7
    with pytest.raises(NotSignedIn):
        tokens.bearer(token, SECRET, NOW - timedelta(minutes=5))


@pytest.mark.parametrize("field", ["iss", "aud", "sub", "iat", "exp"])
def test_a_token_without_any_one_of_its_claims_is_refused(field: str) -> None:
    good = tokens.issue(UserId(7), SECRET, NOW)
    claims = jwt.decode(good, options={"verify_signature": False})
    headers = {"kid": jwt.get_unverified_header(good)["kid"]}
    assert tokens.bearer(jwt.encode(claims, SECRET, "HS256", headers=headers), SECRET, NOW) == 7
    del claims[field]
    with pytest.raises(NotSignedIn):
        tokens.bearer(jwt.encode(claims, SECRET, "HS256", headers=headers), SECRET, NOW)


@pytest.mark.parametrize("token", ["", "a.b.c", "....", "é", "null", "x" * 10_000])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(NotSignedIn):
        tokens.bearer(token, SECRET, NOW)


def test_another_secret_signs_other_tokens() -> None:
    with pytest.raises(NotSignedIn):
        tokens.bearer(tokens.issue(UserId(7), SECRET + "!", NOW), SECRET, NOW)
