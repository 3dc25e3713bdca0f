"""Staying logged in: refresh tokens that rotate, sessions that end, the browser's cookie."""

from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import Engine, text

from shared import tokens
from shared.clean import clean
from shared.identity import SECOND_USE_IS_HASTE, SESSION_LASTS
from shared.services import Services
from tests.chalicelib.client import Client
from tests.fakes import SetClock

ADA = {"username": "ada", "email": "ada@example.org", "password": "analytical engine"}


@pytest.fixture
def signed(nobody: Client) -> Any:
    """What Ada got when she registered."""
    return nobody.post("auth/register", ADA).json


def refreshed(nobody: Client, token: str) -> Any:
    return nobody.post("auth/refresh", {"refresh_token": token})


def lives(nobody: Client, signed: Any) -> bool:
    return nobody.bearing(signed["token"]).get("auth/me").status == 200


def test_a_refresh_token_gives_the_next_tokens_and_is_used_up(nobody: Client, signed: Any, clock: SetClock) -> None:
    clock.forward(tokens.LIFETIME.total_seconds() + 1)
    assert not lives(nobody, signed)
    answer = refreshed(nobody, signed["refresh_token"])
    assert answer.status == 200
    assert lives(nobody, answer.json)
    assert answer.json["user"] == signed["user"]
    assert answer.json["expires_in"] == 900
    assert refreshed(nobody, answer.json["refresh_token"]).status == 200


def test_a_second_use_ends_the_session_for_the_thief_and_for_the_owner(
    nobody: Client, signed: Any, clock: SetClock
) -> None:
    mine = refreshed(nobody, signed["refresh_token"]).json
    clock.forward(SECOND_USE_IS_HASTE.total_seconds())
    answer = refreshed(nobody, signed["refresh_token"])
    assert answer.status == 401
    assert "used before" in answer.json["detail"]
    assert refreshed(nobody, mine["refresh_token"]).status == 401
    assert not lives(nobody, mine)
    assert nobody.post("auth/login", ADA).status == 200


def test_two_tabs_that_refresh_at_once_end_nothing(nobody: Client, signed: Any) -> None:
    mine = refreshed(nobody, signed["refresh_token"]).json
    answer = refreshed(nobody, signed["refresh_token"])
    assert answer.status == 409
    assert lives(nobody, mine)


def test_of_two_at_once_one_gets_the_next_tokens(nobody: Client, signed: Any, engine: Engine) -> None:
    statuses, gate = [], Barrier(2)

    def use() -> None:
        gate.wait()
        statuses.append(refreshed(nobody, signed["refresh_token"]).status)

    threads = [Thread(target=use) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 409]
    with engine.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM refresh_tokens WHERE used_at IS NULL")).scalar_one() == 1


@pytest.mark.parametrize("token", ["", "cronny_rt_nonsense", "x" * 200, None])
def test_what_is_no_refresh_token_is_refused(nobody: Client, token: str | None) -> None:
    assert refreshed(nobody, token or "").status == (401 if token else 422)


def test_logging_out_ends_this_session_at_once_and_no_other(nobody: Client, signed: Any) -> None:
    other = nobody.post("auth/login", ADA).json
    assert nobody.bearing(signed["token"]).post("auth/logout").status == 200
    assert not lives(nobody, signed)
    assert refreshed(nobody, signed["refresh_token"]).status == 401
    assert lives(nobody, other)


def test_logging_out_everywhere_ends_all(nobody: Client, signed: Any) -> None:
    other = nobody.post("auth/login", ADA).json
    nobody.bearing(signed["token"]).post("auth/logout", {"everywhere": True})
    assert not lives(nobody, signed)
    assert not lives(nobody, other)


def test_a_new_password_ends_all_sessions_and_begins_one(nobody: Client, signed: Any) -> None:
    other = nobody.post("auth/login", ADA).json
    body = {"password": ADA["password"], "new_password": "difference engine"}
    answer = nobody.bearing(signed["token"]).post("auth/password", body)
    assert answer.status == 200
    assert [lives(nobody, one) for one in (signed, other, answer.json)] == [False, False, True]
    assert nobody.post("auth/login", ADA).status == 401
    assert nobody.post("auth/login", {**ADA, "password": "difference engine"}).status == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"password": "not it", "new_password": "difference engine"}, "password"),
        ({"password": ADA["password"], "new_password": "short"}, "new_password"),
        ({"new_password": "difference engine"}, "password"),
    ],
)
def test_a_password_is_not_changed_without_the_old_one_or_to_a_weak_one(
    nobody: Client, signed: Any, body: dict[str, str], field: str
) -> None:
    answer = nobody.bearing(signed["token"]).post("auth/password", body)
    assert answer.status == 422
    assert field in answer.fields
    assert lives(nobody, signed)


def test_a_session_that_nobody_refreshes_ends_and_is_forgotten(
    nobody: Client, signed: Any, clock: SetClock, services: Services, engine: Engine
) -> None:
    clock.forward(SESSION_LASTS.total_seconds() + 1)
    assert refreshed(nobody, signed["refresh_token"]).status == 401
    clean(services, clock.now())
    with engine.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM sessions")).scalar_one() == 0


def test_no_secret_is_stored(nobody: Client, signed: Any, engine: Engine) -> None:
    random = signed["refresh_token"].removeprefix("cronny_rt_")
    with engine.begin() as connection:
        stored = connection.execute(text("SELECT t::text FROM refresh_tokens t")).scalars().all()
    assert stored
    assert not any(random in row for row in stored)


class Browser:
    """Keeps the cookie and says where its page is from."""

    def __init__(self, nobody: Client, origin: str = "http://127.0.0.1:8009") -> None:
        self.nobody, self.origin, self.cookie = nobody, origin, ""

    def post(self, path: str, body: Any = None, token: str = "") -> Any:
        headers = {"host": "127.0.0.1:8009", "origin": self.origin, "cookie": self.cookie}
        signed_in = {"authorization": f"Bearer {token}"} if token else {}
        answer = Client(self.nobody.app, headers | signed_in).post(path, body)
        if "set-cookie" in answer.headers:
            self.cookie = answer.headers["set-cookie"].split(";")[0]
        return answer


def test_a_browsers_refresh_token_is_a_cookie_that_no_script_reads(nobody: Client) -> None:
    browser = Browser(nobody)
    answer = browser.post("auth/register", {**ADA, "cookie": True})
    assert "refresh_token" not in answer.json
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly; SameSite=Strict" in cookie
    assert "Path=/api/cronny/v1/auth;" in cookie
    before = browser.cookie
    again = browser.post("auth/refresh")
    assert again.status == 200
    assert "refresh_token" not in again.json
    assert browser.cookie != before
    out = browser.post("auth/logout", {}, again.json["token"])
    assert "Max-Age=0" in out.headers["set-cookie"]


@pytest.mark.parametrize("origin", ["https://evil.example", "", "null"])
def test_another_sites_page_cannot_use_the_cookie(nobody: Client, origin: str) -> None:
    browser = Browser(nobody)
    browser.post("auth/register", {**ADA, "cookie": True})
    browser.origin = origin
    assert browser.post("auth/refresh").status == 403


def test_a_clock_that_runs_fast_lengthens_no_session(nobody: Client, signed: Any, clock: SetClock) -> None:
    clock.real = clock.now()
    clock.forward(timedelta(days=365).total_seconds())
    assert lives(nobody, signed)
    clock.real += SESSION_LASTS + timedelta(seconds=1)
    assert refreshed(nobody, signed["refresh_token"]).status == 401
