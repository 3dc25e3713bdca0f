"""A schedule driven by hand: ticks and executors come when the test says, with the real verbs on the real database."""

import time
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from shared.dispatch import dispatch, release
from shared.execute import Executed, execute
from shared.failpoints import Injected, arm
from shared.job import JobId
from shared.manage.draft import Draft
from shared.manage.schedules import change_schedule, delete_schedule, pause_schedule
from shared.plan import plan
from shared.probe import probe
from shared.recover import recover
from shared.runners import Runner
from shared.services import Services
from tests.fakes import RecordedQueue, SetClock
from tests.world import new_action, new_job, new_schedule, new_user, the_executions, the_triggers

TWICE = {"max_attempts": 2, "backoff": "fixed", "base": 30, "jitter": "none"}


@dataclass
class World:
    """One action of one user, and a schedule whose occurrences come an hour apart."""

    services: Services
    clock: SetClock
    queue: RecordedQueue
    user: Any = None
    action: Any = None
    schedule: Any = None
    executed: list[Executed] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.user = new_user(self.services)
        self.action = new_action(self.services, self.user)

    def call(self, url: str, name: str = "call", **fields: Any) -> JobId:
        """A job that calls this URL, the root of the action unless said otherwise."""
        given = {"name": name, "job_type": "http", "job_input_value": {"url": url}}
        return new_job(self.services, self.user, self.action, **given | fields)

    def chain(self, *jobs: tuple[str, dict[str, Any]]) -> list[JobId]:
        """Jobs that call these URLs one after the other, called first, second, third."""
        ids: list[JobId] = []
        names = ("first", "second", "third")[: len(jobs)]
        for position in reversed(range(len(jobs))):
            url, fields = jobs[position]
            follows = {"condition": {"condition_rules": [{"job_id": ids[-1]}]}} if ids else {}
            ids.append(self.call(url, names[position], is_root_job=position == 0, **follows | fields))
        return ids[::-1]

    def plan(self, **fields: Any) -> None:
        """Make the schedule, and come to its first occurrence without executing it."""
        given = {"schedule_value": "1", "schedule_unit": "hour"}
        self.schedule = new_schedule(self.services, self.user, self.action, **given | fields)
        self.tick()
        self.clock.forward(3601)
        self.tick()

    def start(self, **fields: Any) -> Any:
        """The same, executed; answers the trigger."""
        self.plan(**fields)
        return self.execute()

    def forward(self, seconds: float) -> Any:
        """Let so much time pass, tick once, and execute what was sent."""
        self.clock.forward(seconds)
        self.tick()
        return self.execute()

    def tick(self) -> None:
        """What a creator does in two seconds, in one moment."""
        now = self.clock.now()
        plan(self.services, now)
        release(self.services, now)
        dispatch(self.services, now)
        recover(self.services, now)
        probe(self.services, now)
        dispatch(self.services, now)

    def execute(self, seconds: float = 600, **changes: Any) -> Any:
        """Have everything that was sent executed by an executor that lasts so long; answers the trigger."""
        while self.queue.packs:
            services = replace(self.services, **changes)
            self.executed.append(execute(services, self.queue.packs.pop(0), time.monotonic() + seconds))
        return self.trigger

    def die(self, where: str, **changes: Any) -> Any:
        """Have what was sent executed by an executor that dies at this fail point (``record.written@2``)."""
        point, _, nth = where.partition("@")
        arm({point: f"raise@{nth or 1}"})
        with pytest.raises(Injected):
            self.execute(**changes)
        arm({})
        return self.trigger

    def pause(self) -> None:
        pause_schedule(self.services, self.user, self.schedule)

    def edit(self) -> None:
        change_schedule(self.services, self.user, self.schedule, Draft({"schedule_value": "2"}))

    def delete(self) -> None:
        delete_schedule(self.services, self.user, self.schedule)

    @property
    def trigger(self) -> Any:
        return the_triggers(self.services, self.schedule)[0]

    @property
    def executions(self) -> list[tuple[str, int, str]]:
        rows = the_executions(self.services, self.trigger.id)
        return [(row.job_name, row.attempt, row.status) for row in rows]


class Paced(dict[str, Runner]):
    """Runners that are found once everything so far is recorded, so that each record is one of its own.

    A walk looks for the runner of a job before it announces that it is about to send it.
    """

    def __init__(self, world: World) -> None:
        super().__init__(world.services.runners)
        self.world, self.asked, self.over = world, 0, False

    def __contains__(self, job_type: object) -> bool:
        deadline = time.monotonic() + 10
        while not self.over and len(self.world.executions) < self.asked and time.monotonic() < deadline:
            time.sleep(0.005)
        self.asked += 1
        return not self.over and super().__contains__(job_type)


def die(world: World, where: str) -> Any:
    """Have what was sent executed by an executor that dies at this fail point; answers the trigger."""
    paced = Paced(world)
    try:
        return world.die(where, runners=paced)
    finally:
        paced.over = True
        world.queue.packs.clear()
