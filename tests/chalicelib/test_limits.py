"""How often somebody may ask: by user and by address, over all processes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import event, text

from chalicelib import limits
from chalicelib.application import build
from shared import rates
from shared.clean import clean
from shared.rates import Rate
from shared.services import Services
from shared.store.engine import connect
from tests.chalicelib.client import Client
from tests.chalicelib.conftest import sign_up
from tests.fakes import SetClock

HERE, THERE = "192.0.2.7", "192.0.2.8"
Slow = Callable[[int], Rate]


@dataclass
class Hand:
    """A clock that a test moves."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hand(monkeypatch: pytest.MonkeyPatch) -> Hand:
    """The clock of all processes that are made from then on."""
    hand = Hand()
    original = limits.Limits.__init__
    monkeypatch.setattr(limits.Limits, "__init__", lambda self, clock=hand: original(self, clock))
    return hand


@pytest.fixture
def limited(services: Services) -> Services:
    """Services of a process that limits, as all do but those of tests."""
    return replace(services, settings=replace(services.settings, rate_limits=1.0))


@pytest.fixture
def process(limited: Services, hand: Hand) -> Callable[[], Client]:
    """Makes another process of the API; the answer's client comes from nowhere."""
    return lambda: Client(build(lambda: limited))


@pytest.fixture
def statements(services: Services) -> Iterator[list[str]]:
    """What the database is asked from now on."""
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    event.listen(services.database.engine, "before_cursor_execute", note)
    yield asked
    event.remove(services.database.engine, "before_cursor_execute", note)


def give_rate(services: Services, per_second: int, at_once: int) -> None:
    with services.database.begin() as connection:
        values = {"second": per_second, "once": at_once}
        connection.execute(text("UPDATE plans SET requests_per_second = :second, requests_at_once = :once"), values)


def answers(client: Client, times: int, path: str = "auth/me") -> list[int]:
    return [client.get(path).status for _ in range(times)]


def test_a_user_who_asks_too_often_is_told_how_long_to_wait_and_nobody_else_is(
    process: Callable[[], Client], services: Services, hand: Hand, clock: SetClock
) -> None:
    give_rate(services, 1, 3)
    nobody = process()
    alice, bob = sign_up(nobody, "alice"), sign_up(nobody, "bob")
    assert answers(alice, 4) == [200, 200, 200, 429]
    refused = alice.get("auth/me")
    assert refused.headers["content-type"] == "application/problem+json"
    assert (refused.json["type"], refused.headers["retry-after"]) == ("urn:cronny:problem:too-many-requests", "1")
    assert "3 at once and then 1 a second" in refused.json["detail"]
    assert "Wait 1 s" in refused.json["detail"]
    assert answers(bob, 1) == [200]
    hand.now += 1
    clock.forward(1)
    assert answers(alice, 2) == [200, 429]


def test_every_answer_says_where_the_caller_stands(process: Callable[[], Client], services: Services) -> None:
    give_rate(services, 10, 300)
    nobody = process()
    alice = sign_up(nobody, "alice").at(HERE)
    for answer in (alice.get("auth/me"), alice.get("schedules/7"), alice.post("actions", "no JSON")):
        assert answer.headers["ratelimit-policy"] == '"address";q=1500;w=30, "user";q=300;w=30'
        assert answer.headers["ratelimit"].startswith('"address";r=149')
    assert '"user";r=297;t=1' in answer.headers["ratelimit"]
    without = nobody.at(HERE).get("auth/me")
    assert (without.status, without.headers["ratelimit-policy"]) == (401, '"address";q=1500;w=30')


def test_refused_answers_say_it_too(process: Callable[[], Client], services: Services) -> None:
    give_rate(services, 1, 1)
    alice = sign_up(process(), "alice")
    assert answers(alice, 1) == [200]
    for _ in range(2):
        refused = alice.get("auth/me")
        assert (refused.status, refused.headers["ratelimit"]) == (429, '"user";r=0;t=1')


def test_bad_tokens_count_for_the_address_before_any_work_of_the_database(
    process: Callable[[], Client], monkeypatch: pytest.MonkeyPatch, statements: list[str]
) -> None:
    monkeypatch.setattr(rates, "OF_ADDRESS", Rate(per_second=0.01, burst=200))
    here = process().at(HERE).bearing("cronny_sk_1_nonsense")
    assert answers(here, 200) == [401] * 200
    told = len(statements)
    assert told < 80
    assert answers(here, 50) == [429] * 50
    assert len(statements) == told
    assert answers(here.at(THERE), 1) == [401]


def test_a_flood_of_a_user_who_has_to_wait_reaches_no_database(
    process: Callable[[], Client], services: Services, statements: list[str]
) -> None:
    give_rate(services, 1, 2)
    nobody = process()
    alice = sign_up(nobody, "alice")
    alice_key = alice.bearing(alice.post("user/keys", {"name": "k", "scopes": ["read"]}).json["secret"])
    assert [alice.get("auth/me").status, alice_key.get("auth/me").status] == [200, 429]
    statements.clear()
    assert answers(alice, 20) + answers(alice_key, 20) == [429] * 40
    assert statements == []


def test_most_requests_cost_no_round_trip(
    process: Callable[[], Client], services: Services, statements: list[str]
) -> None:
    alice = sign_up(process(), "alice").at(HERE)
    statements.clear()
    assert answers(alice, 100) == [200] * 100
    assert 1 <= sum("request_rates" in statement for statement in statements) <= 14


def test_many_processes_keep_one_limit_together(process: Callable[[], Client], services: Services) -> None:
    give_rate(services, 1, 64)
    first = process()
    alice = sign_up(first, "alice")
    everywhere = [replace(alice, app=process().app) for _ in range(8)]
    passed = sum(client.get("auth/me").status == 200 for _ in range(32) for client in everywhere)
    # Each process may have let through a few that the others did not know of.
    assert 64 <= passed <= 64 + 8 * 4


def test_signing_in_and_up_has_a_stricter_limit(process: Callable[[], Client], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "OF_SIGN_IN", Rate(per_second=0.01, burst=4))
    here = process().at(HERE)
    routes = ["register", "login", "google", "refresh", "login"]
    refused = [here.post(f"auth/{route}", {}) for route in routes]
    assert [answer.status for answer in refused] == [422, 422, 422, 422, 429]
    assert "to sign in or up from your network address" in refused[-1].json["detail"]
    assert here.get("auth/me").status == 401
    assert here.at(THERE).post("auth/login", {}).status == 422


def test_a_house_has_one_limit_and_no_header_moves_anybody_elsewhere(
    process: Callable[[], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "OF_ADDRESS", Rate(per_second=0.01, burst=3))
    nobody = process()
    house = [nobody.at(f"2001:db8::{number}").sending(x_forwarded_for=f"198.51.100.{number}") for number in range(5)]
    assert [client.get("auth/me").status for client in house] == [401, 401, 401, 429, 429]
    assert nobody.at("2001:db8:0:1::1").get("auth/me").status == 401


def test_health_and_metrics_and_pages_are_never_limited(
    process: Callable[[], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "OF_ADDRESS", Rate(per_second=0.01, burst=1))
    here = process().at(HERE)
    assert answers(here, 2) == [401, 429]
    for path in ("/health", "/health/ready", "/metrics", "//"):
        answer = here.get(path)
        assert answer.status in (200, 503)
        assert "ratelimit" not in answer.headers


def test_limits_can_be_multiplied_and_switched_off(limited: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "OF_ADDRESS", Rate(per_second=0.01, burst=2))
    for factor, expected in ((0.0, [401] * 5), (0.5, [401] + [429] * 4), (2.0, [401] * 4 + [429])):
        own = replace(limited, settings=replace(limited.settings, rate_limits=factor))
        client = Client(build(partial(replace, own))).at(f"192.0.2.{round(10 + factor * 10)}")
        assert answers(client, 5) == expected


def test_without_the_database_each_process_limits_by_itself(
    limited: Services, hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "OF_ADDRESS", Rate(per_second=0.01, burst=8))
    away = replace(limited, database=connect(replace(limited.settings, db_port=1)))
    client = Client(build(lambda: away)).at(HERE)
    assert answers(client, 10) == [401] * 8 + [429] * 2


def test_what_was_let_through_while_the_database_was_away_is_told_later(limited: Services, hand: Hand) -> None:
    away = replace(limited, database=connect(replace(limited.settings, db_port=1)))
    now = [away]
    client = Client(build(lambda: now[0])).at(HERE)
    answers(client, 100)
    now[0] = limited
    answers(client, 10)
    with limited.database.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM request_rates")).scalar_one() == 0
    hand.now += limits.LOOK_AGAIN_AFTER
    answers(client, 1)
    with limited.database.begin() as connection:
        (full_at,) = connection.execute(text("SELECT full_at FROM request_rates")).scalars()
    assert full_at - limited.clock.real_now() == timedelta(seconds=111 / rates.OF_ADDRESS.per_second)


def test_a_process_remembers_so_many_and_no_more(
    limited: Services, hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "REMEMBERED", 3)
    own = limits.Limits(hand)
    for number in range(10):
        own.count_address(limited, f"192.0.2.{number}", [], signs_in=False)
    assert len(own._buckets) == 3


def test_buckets_are_not_logged_and_go_once_they_are_full(
    process: Callable[[], Client], limited: Services, clock: SetClock
) -> None:
    here = process().at(HERE)
    answers(here, 50)
    with limited.database.begin() as connection:
        kind = connection.execute(text("SELECT relpersistence FROM pg_class WHERE relname = 'request_rates'"))
        assert kind.scalar_one() == "u"
    for seconds, left in ((0, 1), (60, 0)):
        clean(limited, clock.forward(seconds))
        with limited.database.begin() as connection:
            assert connection.execute(text("SELECT count(*) FROM request_rates")).scalar_one() == left
