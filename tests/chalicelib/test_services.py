"""Which instances of Cronny's functions are there, over HTTP."""

from dataclasses import replace

import pytest

from shared import VERSION
from shared.clean import clean
from shared.create import create, take_over
from shared.registration import Service, register
from shared.services import Services
from shared.store.tables import heartbeats
from tests.chalicelib.client import BASE, Client
from tests.fakes import SetClock
from tests.world import count


def seen(services: Services, service: Service, instance: str = "test") -> None:
    """A sign of life now."""
    with services.database.begin() as connection:
        register(connection, replace(services, instance=instance), service, services.clock.now())


def test_every_instance_is_listed_with_what_it_said(alice: Client, services: Services, clock: SetClock) -> None:
    clock.real = clock.now()
    began = clock.now()
    take_over(services, began)
    create(services, began, epoch=1)
    create(services, clock.forward(30), epoch=1)
    seen(services, Service.EXECUTOR, "other")
    clock.forward(5)
    answer = alice.get("services")
    assert answer.status == 200
    found = {each["name"]: each for each in answer.json["services"]}
    assert set(found) == {"api", "creator", "executor"}
    creator = found["creator"]
    assert (creator["version"], creator["instance"], creator["endpoint"]) == (VERSION, "test", "queue")
    assert (creator["age_seconds"], creator["healthy"]) == (5.0, True)
    assert creator["started_at"] < creator["last_beat_at"]
    assert (found["executor"]["instance"], found["executor"]["endpoint"]) == ("other", "queue")
    assert (found["api"]["endpoint"], found["api"]["healthy"]) == (BASE, True)


@pytest.mark.parametrize(
    ("service", "seconds", "healthy"),
    [
        (Service.CREATOR, 90, True),
        (Service.CREATOR, 91, False),
        (Service.CLEANER, 600, True),
        (Service.CLEANER, 601, False),
        (Service.EXECUTOR, 90, True),
        (Service.EXECUTOR, 91, None),
        (Service.MIGRATE, 5000, None),
    ],
)
def test_who_is_called_each_minute_is_missed_and_who_is_not_needed_may_be_silent(
    alice: Client, services: Services, clock: SetClock, service: Service, seconds: int, healthy: bool | None
) -> None:
    clock.real = clock.now()
    clock.speed = 10.0
    seen(services, service)
    clock.forward(seconds * 10)
    (found,) = [each for each in alice.get("services").json["services"] if each["name"] == service]
    assert (found["age_seconds"], found["healthy"]) == (seconds, healthy)


def test_who_was_heard_of_last_comes_first_and_who_was_silent_for_a_day_is_forgotten(
    alice: Client, services: Services, clock: SetClock
) -> None:
    clock.real = clock.now()
    seen(services, Service.EXECUTOR, "old")
    clock.forward(3600 * 5)
    seen(services, Service.EXECUTOR, "new")
    clean(services, clock.now())

    def executors() -> list[str]:
        listed = alice.get("services").json["services"]
        return [each["instance"] for each in listed if each["name"] == "executor"]

    assert executors() == ["new", "old"]
    clean(services, clock.forward(3600 * 19 + 1))
    assert executors() == ["new"]
    assert count(services, heartbeats, instance="old") == 0


def test_nobody_who_is_not_signed_in_sees_them(nobody: Client) -> None:
    assert nobody.get("services").status == 401
