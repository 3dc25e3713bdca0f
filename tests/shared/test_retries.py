"""A job that fails is tried again when its policy says so: from where it failed, at its time, and never too often."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from shared.create import create, take_over
from shared.execute import Executed, execute
from shared.job import JobId
from shared.services import Services
from tests.fakes import RecordedQueue, SetClock
from tests.targets import Target, running_target
from tests.world import new_action, new_job, new_schedule, new_user, the_executions, the_triggers

pytestmark = pytest.mark.usefixtures("sound")

TWICE = {"max_attempts": 2, "backoff": "fixed", "base": 30, "jitter": "none"}


@pytest.fixture
def target() -> Iterator[Target]:
    with running_target() as target:
        yield target


@dataclass
class World:
    """A schedule of one action, driven by hand; its occurrences come an hour apart."""

    services: Services
    clock: SetClock
    queue: RecordedQueue
    user: Any = None
    action: Any = None
    schedule: Any = None
    epoch: Any = None
    executed: list[Executed] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.user = new_user(self.services)
        self.action = new_action(self.services, self.user)
        self.epoch = take_over(self.services, self.clock.now())

    def call(self, url: str, name: str = "call", **fields: Any) -> JobId:
        given = {"name": name, "job_type": "http", "job_input_value": {"url": url}}
        return new_job(self.services, self.user, self.action, **given | fields)

    def start(self, **fields: Any) -> Any:
        """Plan the schedule and come to its first occurrence; answers its trigger after it was executed."""
        given = {"schedule_value": "1", "schedule_unit": "hour"}
        self.schedule = new_schedule(self.services, self.user, self.action, **given | fields)
        create(self.services, self.clock.now(), self.epoch)
        return self.forward(3600)

    def forward(self, seconds: float) -> Any:
        """Let so much time pass, tick once, and execute what was sent."""
        self.clock.forward(seconds)
        create(self.services, self.clock.now(), self.epoch)
        while self.queue.packs:
            self.executed.append(execute(self.services, self.queue.packs.pop(0), time.monotonic() + 60))
        return self.trigger

    @property
    def trigger(self) -> Any:
        return the_triggers(self.services, self.schedule)[0]

    @property
    def executions(self) -> list[tuple[str, int, str, str | None]]:
        rows = the_executions(self.services, self.trigger.id)
        return [(row.job_name, row.attempt, row.status, row.failure) for row in rows]


@pytest.fixture
def world(services: Services, clock: SetClock, queue: RecordedQueue) -> World:
    return World(services, clock, queue)


def test_a_job_that_fails_is_put_back_and_tried_again_at_its_time(world: World, target: Target) -> None:
    target.answers = [503, 200]
    world.call(target.url + "/answers", retry=TWICE)
    waiting = world.start()
    assert world.executed == [Executed(completed=0, failed=0, taken=0, put_back=1)]
    assert (waiting.status, waiting.attempt, waiting.crashes, waiting.lease_until) == ("scheduled", 1, 0, None)
    assert timedelta(seconds=30) <= waiting.next_attempt_at - world.clock.now() < timedelta(seconds=32)
    at = waiting.next_attempt_at.isoformat().replace("+00:00", "Z")
    assert waiting.reason == (f"Attempt 1 of job call failed: HTTP 503, expected 200-399; another one follows at {at}")
    assert world.forward(29).status == "scheduled"
    done = world.forward(3)
    assert (done.status, done.attempt, done.reason) == ("completed", 2, None)
    assert world.executions == [("call", 1, "failed", "server_error"), ("call", 2, "completed", None)]
