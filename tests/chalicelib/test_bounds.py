"""What grows with every request is bounded: answers that are kept, sessions, refresh tokens."""

import pytest
from sqlalchemy import Engine, text

from shared.manage import once
from shared.services import Services
from shared.store import kept_answers
from shared.user import UserId
from tests.chalicelib.client import Answered, Client
from tests.chalicelib.test_accounts import NEW
from tests.fakes import SetClock


@pytest.fixture
def looking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every claim looks at how much is kept."""
    monkeypatch.setattr(once, "LOOKED_EVERY", 1)


def asked(client: Client, clock: SetClock, key: str, name: str = "x") -> Answered:
    """One that comes a second later than the one before."""
    clock.forward(1)
    return client.sending(idempotency_key=key).post("actions", {"name": name})


def replayed(client: Client, clock: SetClock, key: str, name: str = "x") -> bool:
    return "idempotency-replayed" in asked(client, clock, key, name).headers


def kept(engine: Engine) -> list[str]:
    with engine.begin() as connection:
        return list(connection.execute(text("SELECT key FROM kept_answers ORDER BY expires_at")).scalars())


def test_of_each_user_so_many_answers_are_kept_and_the_oldest_go_first(
    alice: Client, bob: Client, clock: SetClock, engine: Engine, looking: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once, "MAX_KEPT", 3)
    asked(bob, clock, "of bob")
    for number in range(6):
        assert asked(alice, clock, f"key {number}").status == 201
    # The one that is claimed now has no answer yet when it is looked.
    assert kept(engine) == ["of bob", "key 2", "key 3", "key 4", "key 5"]
    assert replayed(alice, clock, "key 5")
    assert replayed(bob, clock, "of bob")
    assert not replayed(alice, clock, "key 0")


def test_of_each_user_so_many_bytes_are_kept(
    alice: Client, clock: SetClock, engine: Engine, looking: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once, "MAX_KEPT_BYTES", 1000)
    for number in range(6):
        asked(alice, clock, f"key {number}", "n" * 200)
    asked(alice, clock, "the last")
    with engine.begin() as connection:
        rows = connection.execute(text("SELECT key, octet_length(body) FROM kept_answers")).all()
    sizes: dict[str, int] = {row.key: row.octet_length for row in rows}
    assert sum(sizes.values()) - sizes["the last"] <= 1000
    assert {"key 4", "key 5", "the last"} <= set(sizes)
    assert "key 0" not in sizes


def test_what_is_being_answered_is_never_forgotten_for_others_sake(
    alice: Client, services: Services, clock: SetClock, engine: Engine
) -> None:
    asked(alice, clock, "done")
    with services.database.begin() as connection:
        (user,) = connection.execute(text("SELECT id FROM users")).scalars()
        now = clock.now()
        kept_answers.claim(connection, UserId(user), "under way", "hash", now, now + once.IN_FLIGHT_AT_MOST)
        assert kept_answers.trim(connection, UserId(user), 0, 0) == 1
    assert kept(engine) == ["under way"]


def test_one_claim_in_so_many_looks(alice: Client, clock: SetClock, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[object] = []
    monkeypatch.setattr(kept_answers, "trim", lambda *given: looks.append(given))
    for number in range(40):
        asked(alice, clock, f"key {number}")
    assert len(looks) < 20


def test_the_session_that_was_refreshed_least_lately_ends_when_there_are_too_many(
    nobody: Client, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.store.sessions.MAX_SESSIONS", 3)
    first = nobody.post("auth/register", NEW).json
    tokens = [first["token"]]
    for _ in range(2):
        clock.forward(1)
        tokens.append(nobody.post("auth/login", NEW).json["token"])
    clock.forward(1)
    assert nobody.post("auth/refresh", {"refresh_token": first["refresh_token"]}).status == 200
    clock.forward(1)
    tokens.append(nobody.post("auth/login", NEW).json["token"])
    assert [nobody.bearing(token).get("auth/me").status for token in tokens] == [200, 401, 200, 200]


def test_of_each_session_so_many_refresh_tokens_are_remembered(
    nobody: Client, clock: SetClock, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.store.sessions.MAX_REFRESH_TOKENS", 3)
    sent = [nobody.post("auth/register", NEW).json["refresh_token"]]
    for _ in range(6):
        clock.forward(60)
        sent.append(nobody.post("auth/refresh", {"refresh_token": sent[-1]}).json["refresh_token"])
    with engine.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM refresh_tokens")).scalar_one() == 3
    clock.forward(60)
    # Long forgotten, so that nobody knows whose it was; a later one still ends the session.
    assert nobody.post("auth/refresh", {"refresh_token": sent[0]}).status == 401
    assert nobody.post("auth/refresh", {"refresh_token": sent[-1]}).status == 200
    assert nobody.post("auth/refresh", {"refresh_token": sent[-2]}).status == 401
