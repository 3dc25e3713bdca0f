"""The looping creator: ticks on whole seconds, hands over to a newer one, survives a database that goes away."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from functions import creator
from shared import wiring
from shared.clock import BREATH, whole_second_after
from shared.create import Ticked, create, take_over
from shared.errors import Unavailable
from shared.queue import Pack
from shared.services import Services
from shared.store.tables import heartbeats
from tests.fakes import RecordedQueue, SetClock
from tests.functions.lambda_context import Context
from tests.world import complete_all, count, new_action, new_logger_schedule, new_schedule, new_user, the_triggers


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


def test_while_anybody_waits_for_a_share_it_looks_between_ticks(
    services: Services, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Executing:
        """Whatever is sent is done at once."""

        def send(self, packs: Sequence[Pack]) -> int:
            complete_all(services)
            return len(packs)

    monkeypatch.setattr(wiring, "services", lambda: replace(services, queue=Executing()))
    user = new_user(services)
    action = new_action(services, user)
    chosen = [new_schedule(services, user, action, schedule_value="1") for _ in range(50)]
    first = whole_second_after(clock.now())
    creator.handler({"ticks": 2}, Context())
    started = sorted(the_triggers(services, schedule)[0].queued_at for schedule in chosen)
    assert started[:20] == [first] * 20
    assert started[20:40] == [first + BREATH] * 20
    assert started[40:] == [first + 2 * BREATH] * 10


def test_it_looks_less_often_while_nothing_becomes_free(
    services: Services, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Any] = []

    def look(services: Services, now: Any) -> Ticked:
        looks.append(now)
        return Ticked(backlog=True)

    monkeypatch.setattr(creator, "let_go", look)
    user = new_user(services)
    action = new_action(services, user)
    for _ in range(21):
        new_schedule(services, user, action, schedule_value="1")
    first = whole_second_after(clock.now())
    creator.handler({"ticks": 2}, Context())
    assert [round((now - first) / BREATH) for now in looks] == [1, 3, 7, 15]


def test_every_tick_is_a_sign_of_life(services: Services) -> None:
    creator.handler({"ticks": 3}, Context())
    assert count(services, heartbeats, service="creator", instance="test") == 1
