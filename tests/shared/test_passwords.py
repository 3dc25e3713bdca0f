"""Passwords."""

import statistics
import time

import pytest
from argon2 import PasswordHasher

from shared import passwords


def test_a_password_matches_its_own_hash_only() -> None:
    kept = passwords.hash_password("correct horse battery")
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert passwords.matches("correct horse battery", kept)
    assert not passwords.matches("correct horse batterz", kept)
    assert not passwords.matches("correct horse battery", "no hash at all")


def test_an_unknown_user_takes_as_long_as_a_wrong_password() -> None:
    kept = passwords.hash_password("correct horse battery")

    def median(password_hash: str | None) -> float:
        times = []
        for _ in range(9):
            began = time.perf_counter()
            assert not passwords.matches("wrong", password_hash)
            times.append(time.perf_counter() - began)
        return statistics.median(times)

    assert median(None) > median(kept) / 3


def test_nobodys_hash_is_made_like_everybodys() -> None:
    assert not passwords.is_outdated(passwords.NOBODYS_HASH)
    assert passwords.is_outdated(PasswordHasher(memory_cost=8, time_cost=1, parallelism=1).hash("x"))


@pytest.mark.parametrize(
    ("password", "development", "production"),
    [
        ("1234567", False, False),
        ("12345678", True, False),
        ("Password1234", True, False),
        ("correct horse", True, True),
        ("ä" * 128, True, True),
        ("x" * 129, False, False),
    ],
)
def test_how_long_a_password_must_be_depends_on_where_it_is_used(
    password: str, development: bool, production: bool
) -> None:
    assert (passwords.weakness(password, development=True) is None) is development
    assert (passwords.weakness(password, development=False) is None) is production
