"""The looping creator: ticks on whole seconds, hands over to a newer one, survives a database that goes away."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from functions import creator
from shared import wiring
from shared.create import create, take_over
from shared.errors import Unavailable
from shared.services import Services
from shared.store.tables import heartbeats
from tests.fakes import RecordedQueue, SetClock
from tests.functions.lambda_context import Context
from tests.world import count, new_logger_schedule, the_triggers


@pytest.fixture(autouse=True)
def _wired(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "services", lambda: services)


def test_it_ticks_at_each_whole_second(services: Services, queue: RecordedQueue, clock: SetClock) -> None:
    schedule = new_logger_schedule(services, schedule_value="1")
    assert creator.handler({"ticks": 4}, Context())["ticks"] == 4
    assert clock.now().microsecond == 0
    triggers = the_triggers(services, schedule)
    assert [trigger.status for trigger in triggers] == ["queued"] * 4 + ["scheduled"]
    assert [trigger.queued_at for trigger in triggers[:4]] == [trigger.due_at for trigger in triggers[:4]]
    assert len(queue.packs) == 4


def test_it_leaves_when_a_newer_creator_has_the_lease(
    services: Services, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tick(services: Services, now: Any, epoch: int) -> Any:
        ticked = create(services, now, epoch)
        take_over(services, now)
        return ticked

    monkeypatch.setattr(creator, "create", tick)
    assert creator.handler({}, Context())["ticks"] == 1


def test_a_tick_by_hand_leaves_the_lease_where_it_is(services: Services) -> None:
    deployed = take_over(services, services.clock.now())
    assert creator.handler({"ticks": 1}, Context()) == {"ticks": 1, "epoch": deployed}
    assert create(services, services.clock.now(), deployed).newer is False


def test_it_stops_before_its_own_time_is_over(services: Services) -> None:
    assert creator.handler({}, Context(seconds=creator.KEPT_BACK_SECONDS))["ticks"] == 0


def test_a_database_that_is_away_for_a_while_only_costs_those_ticks(
    services: Services, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = new_logger_schedule(services, schedule_value="1")
    database = services.database
    away = iter([False] * 2 + [True] * 3)

    class Flaky:
        @contextmanager
        def begin(self) -> Iterator[Any]:
            if next(away, False):
                raise Unavailable("The database is away: a test says so")
            with database.begin() as connection:
                yield connection

    monkeypatch.setattr(wiring, "services", lambda: replace(services, database=Flaky()))  # type: ignore[arg-type]
    creator.handler({"ticks": 3}, Context())
    assert [trigger.status for trigger in the_triggers(services, schedule)][:3] == ["queued"] * 3


def test_every_tick_is_a_sign_of_life(services: Services) -> None:
    creator.handler({"ticks": 3}, Context())
    assert count(services, heartbeats, service="creator", instance="test") == 1
