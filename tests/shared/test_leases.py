"""Nobody else runs what is still being run: every job is covered by a lease, also when nothing can be recorded."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from shared.errors import Unavailable
from shared.job import JsonValue
from shared.outcome import Outcome
from shared.runners import RunContext
from shared.services import Services
from shared.store.engine import Database
from tests.fakes import RecordedQueue, SetClock
from tests.shared.retrying import TWICE, World
from tests.targets import Target

pytestmark = pytest.mark.usefixtures("sound")

MARGIN = timedelta(seconds=15)


@pytest.fixture
def world(services: Services, clock: SetClock, queue: RecordedQueue) -> World:
    return World(services, clock, queue)


class Noting:
    """A runner that notes how long the lease lasts while each job runs, once the record of the one before is there."""

    def __init__(self, world: World, recorded: int = 0) -> None:
        self.world, self.recorded, self.leases = world, recorded, list[timedelta]()

    def run(self, job_input: JsonValue, context: RunContext) -> Outcome:
        deadline = time.monotonic() + 10
        while len(self.world.executions) < self.recorded and time.monotonic() < deadline:
            time.sleep(0.005)
        self.recorded += 1
        self.leases.append(self.world.trigger.lease_until - self.world.clock.now())
        return Outcome.completed({})


def about(leases: list[timedelta], seconds: list[int]) -> bool:
    """Whether each lease is its job's time and the margin, give or take the time that the test takes itself."""
    wanted = [timedelta(seconds=one) + MARGIN for one in seconds]
    return all(want <= lease < want + timedelta(seconds=10) for lease, want in zip(leases, wanted, strict=True))


def test_the_lease_moves_with_each_job_of_a_long_action(world: World) -> None:
    world.chain(*((f"http://127.0.0.1/{n}", {"job_timeout_in_secs": n}) for n in (30, 300, 60)))
    noting = Noting(world)
    world.plan()
    assert world.execute(seconds=3000, runners={"http": noting}).status == "completed"
    assert about(noting.leases, [300, 300, 60])


def test_the_first_job_of_a_resumed_trigger_is_covered_too(world: World, target: Target) -> None:
    target.answers = [200, 500]
    answers = target.url + "/answers"
    world.chain((answers, {"job_timeout_in_secs": 5}), (answers, {"job_timeout_in_secs": 300, "retry": TWICE}))
    assert world.start().status == "scheduled"
    noting = Noting(world)
    world.clock.forward(32)
    world.tick()
    world.execute(runners={"http": noting})
    assert about(noting.leases, [300])


def test_a_job_that_does_not_fit_into_what_is_left_goes_to_another_executor(world: World, target: Target) -> None:
    echo = target.url + "/echo"
    world.chain((echo, {"job_timeout_in_secs": 5}), (echo, {"job_timeout_in_secs": 600}))
    world.plan()
    waiting = world.execute(seconds=60)
    assert (waiting.status, waiting.crashes, world.executions) == ("scheduled", 0, [("first", 1, "completed")])
    assert waiting.reason == "This run of the executor had no time left for job second; another one follows"
    assert world.forward(1).status == "completed"
    assert world.executions[1:] == [("second", 2, "completed")]


def test_the_first_job_of_an_attempt_is_never_put_off(world: World, target: Target) -> None:
    world.call(target.url + "/echo", job_timeout_in_secs=600)
    world.plan()
    assert world.execute(seconds=5).status == "completed"


class Gate(Database):
    """A database that is away from the claim until the gate opens."""

    def __init__(self, real: Database, opened: threading.Event) -> None:
        super().__init__(real.engine)
        self.real, self.opened, self.claimed = real, opened, False

    def begin(self) -> Any:
        if self.claimed and not self.opened.is_set():
            raise Unavailable("The database is away: a test says so")
        self.claimed = True
        return self.real.begin()


@pytest.fixture
def away(world: World, target: Target, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """An executor in its thread that has run the first of two jobs when its lease is nearly over.

    The database is away from its claim until the event is set.
    """
    # Of a lease of 18 s the last 16 count as used up: enough is left for the first job, and not for the second.
    monkeypatch.setattr("shared.running.RECORD_SECONDS", 16.0)
    monkeypatch.setattr("shared.execute.COVERED_SECONDS", 1.0)
    echo = target.url + "/echo"
    world.chain((echo, {"job_timeout_in_secs": 1}), (echo, {"job_timeout_in_secs": 3}))
    world.plan()
    back = threading.Event()
    thread = threading.Thread(target=world.execute, kwargs={"database": Gate(world.services.database, back)})
    thread.start()
    thread.join(1)
    yield back
    back.set()
    thread.join(30)
    assert not thread.is_alive()


def wait_for_the_end(world: World, executions: int) -> None:
    deadline = time.monotonic() + 20
    while len(world.executed) < executions and time.monotonic() < deadline:
        time.sleep(0.01)


def test_a_job_that_the_lease_does_not_cover_waits_for_the_record_before_it(
    world: World, target: Target, away: threading.Event
) -> None:
    assert len(target.seen) == 1
    away.set()
    wait_for_the_end(world, 1)
    assert (world.trigger.status, len(target.seen)) == ("completed", 2)


def test_an_executor_that_lost_its_lease_meanwhile_begins_no_other_job(
    world: World, target: Target, away: threading.Event
) -> None:
    world.clock.forward(3 + 15)
    world.tick()
    assert world.execute().status == "completed"
    assert [seen.headers["x-cronny-attempt"] for seen in target.seen] == ["1", "2", "2"]
    away.set()
    wait_for_the_end(world, 2)
    assert sorted(one.taken for one in world.executed) == [0, 1]
    assert [attempt for _, attempt, _ in world.executions] == [2, 2]
    assert len(target.seen) == 3


def test_the_end_of_the_executor_ends_the_waiting_for_the_lease(
    world: World, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.running.RECORD_SECONDS", 16.0)
    echo = target.url + "/echo"
    world.chain((echo, {"job_timeout_in_secs": 1}), (echo, {"job_timeout_in_secs": 3}))
    world.plan()
    with pytest.raises(Unavailable):
        world.execute(seconds=3.5, database=Gate(world.services.database, threading.Event()))
    assert len(target.seen) == 1
    world.clock.forward(3 + 15)
    world.tick()
    assert world.execute().status == "completed"
