"""Breakers over HTTP: which hosts are left alone, what waits for them, and closing one by hand."""

from datetime import timedelta

import pytest

from chalicelib.answer import rfc3339
from shared.services import Services
from shared.store import holding
from shared.user import UserId
from tests.chalicelib.client import Client
from tests.fakes import SetClock
from tests.world import new_breaker, new_held, the_breaker, the_trigger

HOST = "api.example.org:443"
CLOSE = "breakers/api.example.org%3A443/close"


@pytest.fixture
def user(alice: Client) -> UserId:
    """Alice's id."""
    return UserId(alice.get("auth/me").json["user"]["id"])


def test_a_user_without_trouble_has_no_breakers(alice: Client) -> None:
    assert alice.get("breakers").json == {"breakers": [], "next_cursor": None}


def test_breakers_are_listed_with_what_waits_for_them(
    alice: Client, user: UserId, services: Services, clock: SetClock
) -> None:
    new_breaker(services, user, "well.example.org:80", state="closed", failures=0, opens=0, probe_at=None)
    new_breaker(services, user, HOST, updated_at=clock.now() - timedelta(hours=1))
    new_held(services, user, HOST, 3)
    first, second = alice.get("breakers").json["breakers"]
    assert first == {
        "host": HOST,
        "state": "open",
        "failures": 5,
        "last_error": "the connection was refused",
        "opened_at": rfc3339(clock.now()),
        "probe_at": rfc3339(clock.now() + timedelta(seconds=30)),
        "held": 3,
    }
    assert (second["host"], second["state"], second["probe_at"], second["held"]) == (
        *("well.example.org:80", "closed"),
        *(None, 0),
    )


def test_closing_by_hand_lets_go_in_turn(alice: Client, user: UserId, services: Services, clock: SetClock) -> None:
    new_breaker(services, user, HOST)
    held = new_held(services, user, HOST, 3)
    answer = alice.post(CLOSE)
    assert answer.status == 200, answer.text
    assert answer.json["message"] == "The breaker is closed. 3 triggers that waited for it are sent on in turn."
    shown = answer.json["breaker"]
    assert (shown["state"], shown["failures"], shown["probe_at"], shown["held"]) == ("closed", 0, None, 0)
    waits = [(the_trigger(services, trigger).next_attempt_at - clock.now()).total_seconds() for trigger in held]
    assert waits == pytest.approx([0, 0.1, 0.2])
    assert the_breaker(services, user, HOST).state == "closed"
    assert alice.post(CLOSE).json["message"] == "The breaker is closed."


def test_closing_by_hand_lets_a_very_long_line_go(
    alice: Client, user: UserId, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "BATCH", 2)
    new_breaker(services, user, HOST)
    new_held(services, user, HOST, 5)
    assert "5 triggers" in alice.post(CLOSE).json["message"]
    assert alice.get("breakers").json["breakers"][0]["held"] == 0


def test_another_s_breaker_is_nobody_s_business(alice: Client, bob: Client, user: UserId, services: Services) -> None:
    new_breaker(services, user, HOST)
    assert bob.get("breakers").json["breakers"] == []
    assert bob.post(CLOSE).status == 404
    assert the_breaker(services, user, HOST).state == "open"
    assert bob.get("dashboard/stats").json["stats"]["open_breakers"] == 0


@pytest.mark.parametrize("host", ["well.example.org%3A443", "a%00b", "%ff", "x" * 3000])
def test_a_host_without_a_breaker_cannot_be_closed(alice: Client, host: str) -> None:
    answer = alice.post(f"breakers/{host}/close")
    assert answer.status == 404
    assert "always answered" in answer.json["detail"]


def test_the_dashboard_counts_what_is_not_closed(alice: Client, user: UserId, services: Services) -> None:
    assert alice.get("dashboard/stats").json["stats"]["open_breakers"] == 0
    new_breaker(services, user, HOST)
    new_breaker(services, user, "half.example.org:443", state="half_open")
    new_breaker(services, user, "well.example.org:443", state="closed", probe_at=None)
    assert alice.get("dashboard/stats").json["stats"]["open_breakers"] == 2
