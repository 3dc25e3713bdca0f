"""Two users, who must never see each other, and things of theirs."""

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from chalicelib.application import build
from shared import passwords
from shared.services import Services
from tests.chalicelib.client import Client

PASSWORD = "correct horse battery"
HTTP_INPUT = {"url": "https://example.org/hook", "method": "POST"}

Make = Callable[..., Any]


# Hashing takes 40 ms on purpose, and all of these users have the same password.
hashed_once = cache(passwords.hash_password)


@pytest.fixture(autouse=True)
def _passwords_are_hashed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "hash_password", hashed_once)


@pytest.fixture
def nobody(services: Services) -> Client:
    """Somebody who has not signed in."""
    return Client(build(lambda: services))


def sign_up(nobody: Client, name: str) -> Client:
    """A new user's client."""
    body = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
    return nobody.bearing(nobody.post("auth/register", body).json["token"])


@pytest.fixture
def alice(nobody: Client) -> Client:
    """A user."""
    return sign_up(nobody, "alice")


@pytest.fixture
def bob(nobody: Client) -> Client:
    """Another one."""
    return sign_up(nobody, "bob")


def make_action(client: Client, name: str = "call home") -> int:
    """A new action's id."""
    answer = client.post("actions", {"name": name})
    assert answer.status == 201, answer.text
    return int(answer.json["action"]["id"])


def make_job(client: Client, action_id: int, name: str = "fetch", **fields: Any) -> Any:
    """A new job."""
    body = {"name": name, "action_id": action_id, "job_type": "http", "job_input_value": HTTP_INPUT, **fields}
    answer = client.post("jobs", body)
    assert answer.status == 201, answer.text
    return answer.json["job"]


def make_schedule(client: Client, action_id: int, **fields: Any) -> Any:
    """A new schedule, every ten seconds unless told otherwise."""
    body = {"name": "often", "action_id": action_id, "schedule_type": "recurring", "schedule_value": 10}
    answer = client.post("schedules", {**body, "schedule_unit": "second", **fields})
    assert answer.status == 201, answer.text
    return answer.json["schedule"]
