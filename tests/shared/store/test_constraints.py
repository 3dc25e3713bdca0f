"""Constraints and what they mean."""

from sqlalchemy import Engine, text

from shared.errors import Conflict, NotFound
from shared.store.constraints import _MEANINGS, meaning

NAMES = text("SELECT conname FROM pg_constraint UNION SELECT relname FROM pg_class WHERE relkind = 'i'")


def test_every_constraint_that_has_a_meaning_exists(engine: Engine) -> None:
    with engine.begin() as connection:
        existing = set(connection.execute(NAMES).scalars())
    assert set(_MEANINGS) <= existing


def test_a_meaning_is_a_new_error_each_time() -> None:
    assert isinstance(meaning("uq_users_email"), Conflict)
    assert meaning("uq_users_email") is not meaning("uq_users_email")
    assert isinstance(meaning("something new"), NotFound)
