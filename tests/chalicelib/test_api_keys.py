"""API keys: shown once, with no more than their scopes, until they end."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from chalicelib.application import RESOURCES
from shared.identity import Scope
from tests.chalicelib.client import Client
from tests.chalicelib.conftest import make_action, make_schedule
from tests.fakes import SetClock


def new_key(owner: Client, *scopes: str, **fields: object) -> tuple[int, Client]:
    """A key of this user, and a client that bears it."""
    answer = owner.post("user/keys", {"name": "ci", "scopes": list(scopes), **fields})
    assert answer.status == 201, answer.text
    return answer.json["key"]["id"], owner.bearing(answer.json["secret"])


def test_a_key_acts_as_its_owner(alice: Client, bob: Client) -> None:
    _, program = new_key(alice, "read", "write")
    action = make_action(program)
    assert [found["id"] for found in alice.get("actions").json["actions"]] == [action]
    assert bob.get(f"actions/{action}").status == 404


def test_the_secret_is_shown_once_and_not_stored(alice: Client, engine: Engine) -> None:
    answer = alice.post("user/keys", {"name": "ci", "scopes": ["read"]})
    secret, key_id = answer.json["secret"], answer.json["key"]["id"]
    assert secret.startswith(f"cronny_sk_{key_id}_")
    assert secret not in alice.get("user/keys").text + alice.get(f"user/keys/{key_id}").text
    with engine.begin() as connection:
        stored = connection.execute(text("SELECT k::text FROM api_keys k")).scalar_one()
    assert secret.rpartition("_")[2][:20] not in stored


@pytest.mark.parametrize(
    ("scopes", "statuses"), [(["read"], [200, 403, 403]), (["write"], [403, 201, 403]), (["run"], [403, 403, 202])]
)
def test_a_key_may_what_its_scopes_say_and_is_told_which_it_lacks(
    alice: Client, scopes: list[str], statuses: list[int]
) -> None:
    schedule = make_schedule(alice, make_action(alice))["id"]
    _, program = new_key(alice, *scopes)
    answers = [
        program.get("schedules"),
        program.post("actions", {"name": "made by a program"}),
        program.post(f"schedules/{schedule}/run", {}),
    ]
    assert [answer.status for answer in answers] == statuses
    assert all("scope" in answer.json["detail"] for answer in answers if answer.status == 403)


def test_no_key_touches_the_account(alice: Client) -> None:
    key_id, program = new_key(alice, "read", "write", "run")
    of_the_account = [
        (method, route.path) for routes in RESOURCES for route in routes.routes for method in route.methods
        if route.scope is Scope.ACCOUNT
    ]  # fmt: skip
    assert len(of_the_account) >= 9
    for method, path in of_the_account:
        body = {"name": "more", "scopes": ["write"], "password": "x", "new_password": "a long enough one"}
        assert program.send(method, path.strip("/").format(key_id=key_id), body).status == 403, (method, path)


def test_a_key_ends_when_it_says_and_when_it_is_deleted(alice: Client, clock: SetClock) -> None:
    ends = clock.now() + timedelta(hours=1)
    _, short = new_key(alice, "read", expires_at=ends.isoformat())
    key_id, other = new_key(alice, "read", name="other")
    assert [short.get("actions").status, other.get("actions").status] == [200, 200]
    clock.forward(3600)
    assert [short.get("actions").status, other.get("actions").status] == [401, 200]
    alice.post("auth/login", {})
    assert signed_in_again(alice).delete(f"user/keys/{key_id}").status == 200
    assert other.get("actions").status == 401


def signed_in_again(client: Client) -> Client:
    """The access token has expired meanwhile."""
    login = {"username": "alice", "password": "correct horse battery"}
    return client.bearing(client.post("auth/login", login).json["token"])


def test_its_last_use_is_noted_to_the_minute(alice: Client, clock: SetClock) -> None:
    key_id, program = new_key(alice, "read")
    assert alice.get(f"user/keys/{key_id}").json["key"]["last_used_at"] is None
    program.get("actions")
    first = alice.get(f"user/keys/{key_id}").json["key"]["last_used_at"]
    clock.forward(30)
    program.get("actions")
    assert alice.get(f"user/keys/{key_id}").json["key"]["last_used_at"] == first
    clock.forward(31)
    program.get("actions")
    assert alice.get(f"user/keys/{key_id}").json["key"]["last_used_at"] > first


def test_name_scopes_and_end_can_be_changed(alice: Client) -> None:
    key_id, program = new_key(alice, "read")
    answer = alice.patch(f"user/keys/{key_id}", {"name": "deploy", "scopes": ["write", "read"], "id": 77})
    assert answer.json["key"]["scopes"] == ["read", "write"]
    assert answer.json["key"]["name"] == "deploy"
    assert program.post("actions", {"name": "now it may"}).status == 201


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": ["account"]}, "scopes"),
        ({"scopes": ["admin"]}, "scopes"),
        ({"scopes": "read"}, "scopes"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"name": 7}, "name"),
    ],
)
def test_a_wrong_field_is_named(alice: Client, wrong: dict[str, object], field: str) -> None:
    answer = alice.post("user/keys", {"name": "ci", "scopes": ["read"], **wrong})
    assert answer.status == 422
    assert field in answer.fields


def test_two_keys_of_one_name_are_a_conflict(alice: Client, bob: Client) -> None:
    new_key(alice, "read")
    assert alice.post("user/keys", {"name": "ci", "scopes": ["read"]}).status == 409
    new_key(bob, "read")


def test_what_is_no_key_is_refused(alice: Client) -> None:
    key_id, program = new_key(alice, "read")
    secret = program.headers["authorization"].split()[1]
    wrong = [
        secret[:-1] + ("0" if secret[-1] != "0" else "1"),
        secret.replace(f"_{key_id}_", "_999999_"),
        secret + "x",
        "cronny_sk_",
        "cronny_sk_1_",
        f"cronny_sk_{'9' * 40}_a",
        "cronny_sk_é_a",
    ]
    assert [alice.bearing(each).get("actions").status for each in wrong] == [401] * len(wrong)
