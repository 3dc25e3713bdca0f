"""Signing up, logging in, the profile and the plan."""

from datetime import timedelta

import jwt
import pytest
from sqlalchemy import Connection, text

from shared import guessing, tokens
from shared.clean import clean
from shared.identity import SessionId
from shared.services import Services
from shared.store import login_failures
from shared.tokens import Bearer
from shared.user import UserId
from tests.chalicelib.client import Client
from tests.chalicelib.conftest import sign_up
from tests.fakes import SetClock

NEW = {"username": "carol", "email": "carol@example.org", "password": "correct horse battery"}


def test_registering_answers_a_token_that_works_and_the_user_without_password(nobody: Client) -> None:
    answer = nobody.post("auth/register", NEW)
    assert answer.status == 201
    assert answer.json["message"]
    me = nobody.bearing(answer.json["token"]).get("auth/me")
    assert me.status == 200
    assert me.json["user"] == answer.json["user"]
    assert me.json["user"]["username"] == "carol"
    assert "hash" not in answer.text
    assert NEW["password"] not in answer.text


@pytest.mark.parametrize(
    "login", [{"username": "carol"}, {"email": "Carol@Example.org"}, {"username": "carol@example.org"}]
)
def test_logging_in_works_by_username_and_by_address(nobody: Client, login: dict[str, str]) -> None:
    nobody.post("auth/register", NEW)
    answer = nobody.post("auth/login", {**login, "password": NEW["password"], "user_id": 99})
    assert answer.status == 200
    assert nobody.bearing(answer.json["token"]).get("auth/me").json["user"]["username"] == "carol"


def test_a_wrong_password_and_an_unknown_user_get_the_same_answer(nobody: Client) -> None:
    nobody.post("auth/register", NEW)
    wrong = nobody.post("auth/login", {"username": "carol", "password": "not it at all"})
    unknown = nobody.post("auth/login", {"username": "nobody", "password": "not it at all"})
    assert wrong.status == unknown.status == 401
    assert wrong.json["detail"] == unknown.json["detail"]
    assert "not it at all" not in wrong.text


@pytest.mark.parametrize(("field", "value"), [("username", "CAROL"), ("email", "CAROL@example.org")])
def test_a_taken_name_or_address_is_a_conflict(nobody: Client, field: str, value: str) -> None:
    nobody.post("auth/register", NEW)
    answer = nobody.post("auth/register", {**NEW, "username": "other", "email": "other@example.org", field: value})
    assert answer.status == 409


def test_registering_reports_every_fault_at_once(nobody: Client) -> None:
    answer = nobody.post("auth/register", {"username": "a b", "email": "nowhere", "password": "short"})
    assert answer.status == 422
    assert set(answer.fields) == {"username", "email", "password"}
    assert "8 characters" in answer.fields["password"]
    assert set(nobody.post("auth/register").fields) == {"username", "email", "password"}


def test_login_asks_for_what_is_missing(nobody: Client) -> None:
    assert set(nobody.post("auth/login", {}).fields) == {"password", "username"}


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer nonsense", "Basic YTpi"])
def test_without_a_token_that_holds_the_answer_is_401(nobody: Client, header: str) -> None:
    client = Client(nobody.app, {"authorization": header} if header else {})
    answer = client.get("schedules")
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_token_ends_by_the_databases_clock(alice: Client, clock: SetClock) -> None:
    assert alice.get("auth/me").status == 200
    clock.forward(tokens.LIFETIME.total_seconds() + 1)
    assert alice.get("auth/me").status == 401


def test_virtual_time_logs_nobody_out(alice: Client, clock: SetClock) -> None:
    clock.real = clock.now()
    clock.forward(timedelta(days=365).total_seconds())
    assert alice.get("auth/me").status == 200
    clock.real += tokens.LIFETIME + timedelta(seconds=1)
    assert alice.get("auth/me").status == 401


def test_tokens_of_others_are_refused(nobody: Client, alice: Client, services: Services) -> None:
    now, secret = services.clock.now(), services.settings.jwt_secret
    good = alice.headers["authorization"].split()[1]
    kid = jwt.get_unverified_header(good)["kid"]
    claims = jwt.decode(good, options={"verify_signature": False})
    forged = [
        tokens.issue(Bearer(UserId(1), SessionId(1)), ("another secret of quite sufficient length",), now),
        jwt.encode(claims, secret, "HS256"),
        jwt.encode(claims, secret, "HS384", headers={"kid": kid}),
        jwt.encode({**claims, "aud": "other"}, secret, "HS256", headers={"kid": kid}),
        jwt.encode({**claims, "iss": "other"}, secret, "HS256", headers={"kid": kid}),
        jwt.encode({**claims, "iat": claims["iat"] + 600}, secret, "HS256", headers={"kid": kid}),
        jwt.encode({**claims, "exp": None}, secret, "HS256", headers={"kid": kid}),
        jwt.encode(claims, "", "none", headers={"kid": kid}),
        good[:-3] + "abc",
    ]
    assert [nobody.bearing(token).get("auth/me").status for token in forged] == [401] * len(forged)


def test_a_token_of_a_user_who_is_gone_is_refused(alice: Client, connection: Connection) -> None:
    connection.execute(text("DELETE FROM users"))
    connection.commit()
    assert alice.get("auth/me").status == 401


def test_the_profile_takes_what_was_sent_and_null_clears(alice: Client) -> None:
    answer = alice.put("user/profile", {"first_name": "Alice", "city": "Bonn", "user_id": 99, "username": "eve"})
    assert answer.status == 200
    assert answer.json["profile"]["city"] == "Bonn"
    alice.put("user/profile", {"city": None})
    profile = alice.get("user/profile").json["profile"]
    assert (profile["first_name"], profile["city"]) == ("Alice", None)
    assert alice.get("auth/me").json["user"]["username"] == "alice"


def test_a_plan_is_chosen_by_id_or_by_name(alice: Client) -> None:
    plans = alice.get("user/plans").json["plans"]
    assert [plan["name"] for plan in plans] == ["starter", "pro", "enterprise"]
    assert alice.put("user/plan", {"plan_id": 2, "user_id": 5}).json["plan"]["name"] == "pro"
    assert alice.put("user/plan", {"plan": "enterprise"}).json["plan"]["id"] == 3
    assert alice.get("auth/me").json["user"]["plan_id"] == 3
    assert "plan_id" in alice.put("user/plan", {"plan_id": 77}).fields
    assert "plan" in alice.put("user/plan", {}).fields


def test_one_users_profile_is_not_anothers(alice: Client, nobody: Client) -> None:
    alice.put("user/profile", {"phone": "123"})
    assert sign_up(nobody, "dave").get("user/profile").json["profile"]["phone"] is None


def failing(nobody: Client, login: str = "carol") -> int:
    return nobody.post("auth/login", {"username": login, "password": "not it at all"}).status


@pytest.mark.parametrize("login", ["carol", "nobody at all"])
def test_whoever_guesses_a_password_has_to_wait_ever_longer(nobody: Client, clock: SetClock, login: str) -> None:
    """Whether the account exists or not, and also with the right password: nobody learns anything."""
    nobody.post("auth/register", NEW)
    assert [failing(nobody, login) for _ in range(5)] == [401] * 5
    answer = nobody.post("auth/login", {"username": login, "password": NEW["password"]})
    assert (answer.status, answer.headers["retry-after"]) == (429, "1")
    clock.forward(1)
    assert failing(nobody, login) == 401
    clock.forward(1)
    assert failing(nobody, login) == 429
    assert failing(nobody, "somebody else") == 401


def test_the_right_password_after_the_wait_begins_anew(nobody: Client, clock: SetClock) -> None:
    nobody.post("auth/register", NEW)
    for _ in range(5):
        failing(nobody)
    clock.forward(1)
    assert nobody.post("auth/login", NEW).status == 200
    assert [failing(nobody) for _ in range(5)] == [401] * 5


def test_one_network_cannot_try_many_accounts_for_long(nobody: Client, services: Services, clock: SetClock) -> None:
    now = clock.now()
    with services.database.begin() as connection:
        login_failures.count(connection, [guessing.network_key("192.0.2.9") or b""] * 50, now)
    there, elsewhere = (nobody.at(address) for address in ("192.0.2.77", "198.51.100.1"))
    assert [failing(there), failing(elsewhere)] == [429, 401]


def test_failures_of_an_hour_ago_are_forgotten(
    nobody: Client, clock: SetClock, services: Services, connection: Connection
) -> None:
    for _ in range(8):
        failing(nobody)
    clock.forward(3601)
    assert [failing(nobody) for _ in range(5)] == [401] * 5
    clock.forward(86401)
    clean(services, clock.now())
    assert connection.execute(text("SELECT count(*) FROM login_failures")).scalar_one() == 0


def test_a_user_reads_the_external_id_that_roles_of_theirs_must_demand(alice: Client, bob: Client) -> None:
    users = [client.get("auth/me").json["user"] for client in (alice, bob)]
    assert [user["aws_external_id"] for user in users] == [f"cronny-{user['id']}" for user in users]
