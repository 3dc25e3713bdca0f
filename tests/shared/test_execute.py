"""A pack of triggers runs its jobs and each is accounted for: outputs of this trigger, timeouts, fences, faults."""

import threading
import time
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from shared.dispatch import dispatch
from shared.errors import Unavailable
from shared.execute import Executed, execute
from shared.job import JsonObject
from shared.outcome import Outcome
from shared.plan import plan
from shared.recover import recover
from shared.runners import RunContext
from shared.schedule import ScheduleId
from shared.services import Services
from shared.store.engine import Database
from shared.trigger import TriggerId
from tests.fakes import SetClock
from tests.targets import Target
from tests.world import (
    new_action,
    new_job,
    new_schedule,
    new_user,
    set_schedule,
    set_trigger,
    the_executions,
    the_schedule,
    the_triggers,
)

pytestmark = pytest.mark.usefixtures("sound")


@dataclass
class World:
    """An action of one user, and a schedule of it that is due."""

    services: Services
    clock: SetClock
    user: Any = None
    action: Any = None
    schedules: list[ScheduleId] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.user = new_user(self.services)
        self.action = new_action(self.services, self.user)

    def job(self, **fields: Any) -> int:
        return new_job(self.services, self.user, self.action, **fields)

    def http(self, url: str, name: str = "call", **fields: Any) -> int:
        given = {"name": name, "job_type": "http", "job_input_value": {"url": url}}
        return self.job(**given | fields)

    def due(self, count: int = 1, **fields: Any) -> list[TriggerId]:
        """That many schedules, planned, dispatched and due now; their triggers."""
        new = [new_schedule(self.services, self.user, self.action, **fields) for _ in range(count)]
        self.schedules += new
        plan(self.services, self.clock.now())
        dispatch(self.services, self.clock.forward(11))
        return [the_triggers(self.services, schedule)[0].id for schedule in new]

    def run(self, triggers: list[TriggerId], seconds: float = 60, **changes: Any) -> Executed:
        return execute(replace(self.services, **changes), triggers, time.monotonic() + seconds)

    def trigger(self, position: int = 0) -> Any:
        return the_triggers(self.services, self.schedules[position])[0]

    def executions(self) -> list[Any]:
        return the_executions(self.services, self.trigger().id)


@pytest.fixture
def world(services: Services, clock: SetClock) -> World:
    return World(services, clock)


class Sleeper:
    """A runner that ignores its deadline, as a stuck library would."""

    def __init__(self) -> None:
        self.release = threading.Event()

    def run(self, job_input: JsonObject, context: RunContext) -> Outcome:
        self.release.wait(30)
        return Outcome.completed({"late": True})


class Crasher:
    """A runner with a bug."""

    def run(self, job_input: JsonObject, context: RunContext) -> Outcome:
        raise KeyError("password=hunter2")


def test_a_job_is_run_and_recorded(world: World) -> None:
    job = world.job()
    assert world.run(world.due()) == Executed(completed=1, failed=0, taken=0)
    trigger = world.trigger()
    assert (trigger.status, trigger.attempt, trigger.lease_until, trigger.reason) == ("completed", 1, None, None)
    assert trigger.finished_at >= trigger.started_at >= trigger.due_at
    (execution,) = world.executions()
    assert (execution.job_id, execution.job_name, execution.status, execution.attempt) == (job, "say", "completed", 1)
    assert execution.input == {"message": "hello"}
    assert execution.started_at <= execution.finished_at


def test_a_second_message_for_the_same_trigger_does_nothing(world: World) -> None:
    world.job()
    triggers = world.due()
    world.run(triggers)
    assert world.run(triggers) == Executed(completed=0, failed=0, taken=1)
    assert len(world.executions()) == 1


def test_two_executors_with_the_same_pack_run_each_trigger_once(
    world: World, target: Target, database: Database
) -> None:
    world.http(target.url + "/echo")
    triggers = world.due(20)
    threads = [threading.Thread(target=world.run, args=(triggers,), kwargs={"database": database}) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keys = [seen.headers["idempotency-key"] for seen in target.seen]
    assert len(keys) == len(set(keys)) == 20


def test_a_chain_passes_outputs_on_and_its_end_is_a_success(world: World, target: Target) -> None:
    second = world.http(
        target.url + "/echo",
        name="second",
        is_root_job=False,
        job_input_type="job_input_as_template",
        job_input_value={
            "url": target.url + "/echo",
            "method": "POST",
            "request_body": {"got": "{{ jobs.first.output.status }}"},
        },
    )
    rule = {"filters": [{"name": "status", "comparison_type": "equality", "value": 200}], "job_id": second}
    world.http(target.url + "/echo", name="first", condition={"version": 1, "condition_rules": [rule]})
    world.run(world.due())
    assert world.trigger().status == "completed"
    assert [execution.job_name for execution in world.executions()] == ["first", "second"]
    assert target.seen[1].body == b'{"got": 200}' or target.seen[1].body == b'{"got":200}'


def test_a_failing_job_fails_the_trigger_and_keeps_its_record(world: World, target: Target) -> None:
    world.http(target.url + "/status/503")
    world.run(world.due())
    trigger = world.trigger()
    assert trigger.status == "failed"
    assert "call" in trigger.reason
    assert "503" in trigger.reason
    (execution,) = world.executions()
    assert execution.status == "failed"
    assert execution.output["status"] == 503


def test_a_runner_that_never_answers_is_waited_for_no_longer_than_its_timeout(world: World) -> None:
    world.job(job_type="slack", job_timeout_in_secs=1, job_input_value={})
    stuck = Sleeper()
    began = time.monotonic()
    executed = world.run(world.due(), runners={"slack": stuck})
    assert time.monotonic() - began < 10
    assert executed == Executed(completed=0, failed=1, taken=0)
    (execution,) = world.executions()
    assert "no answer within 1 s" in execution.error
    stuck.release.set()


def test_a_slow_trigger_does_not_hold_up_the_record_of_a_quick_one(world: World) -> None:
    stuck = Sleeper()
    world.job(name="quick")
    quick = world.due()
    slow_action = new_action(world.services, world.user, "slow")
    new_job(world.services, world.user, slow_action, job_type="slack", job_input_value={}, job_timeout_in_secs=30)
    world.action = slow_action
    slow = world.due()
    runners = dict(world.services.runners) | {"slack": stuck}
    thread = threading.Thread(target=world.run, args=(quick + slow,), kwargs={"runners": runners})
    thread.start()
    deadline = time.monotonic() + 20
    while world.trigger(0).status != "completed" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (world.trigger(0).status, world.trigger(1).status) == ("completed", "executing")
    stuck.release.set()
    thread.join()
    assert world.trigger(1).status == "completed"


def test_a_runner_with_a_bug_fails_its_job_without_telling_secrets(world: World) -> None:
    world.job()
    world.run(world.due(), runners={"logger": Crasher()})
    (execution,) = world.executions()
    assert execution.status == "failed"
    assert "KeyError" in execution.error
    assert "hunter2" not in execution.error


def test_one_unreadable_job_harms_nobody_else(world: World) -> None:
    world.job(condition={"condition_rules": "nonsense"})
    bad = world.due()
    world.action = new_action(world.services, world.user, "good")
    world.job()
    good = world.due()
    assert world.run(bad + good) == Executed(completed=1, failed=1, taken=0)
    assert world.trigger(0).status == "failed"
    assert "condition" in world.trigger(0).reason


def test_an_action_without_jobs_fails_with_a_sentence(world: World) -> None:
    world.run(world.due())
    assert "no root job" in world.trigger().reason


def test_a_runner_is_told_whose_run_it_is(world: World) -> None:
    told: list[RunContext] = []

    class Listener:
        def run(self, job_input: JsonObject, context: RunContext) -> Outcome:
            told.append(context)
            return Outcome.completed()

    world.job()
    world.run(world.due(), runners={"logger": Listener()})
    assert [(context.user_id, context.trigger_id) for context in told] == [(world.user, world.trigger().id)]


def test_what_postgresql_cannot_hold_is_recorded_all_the_same(world: World) -> None:
    class Odd:
        def run(self, job_input: JsonObject, context: RunContext) -> Outcome:
            return Outcome.completed({"nul": "a\x00b", "half": "\ud800", "number": float("nan"), "big": 10**400})

    world.job()
    assert world.run(world.due(3), runners={"logger": Odd()}) == Executed(completed=3, failed=0, taken=0)
    assert world.executions()[0].output["nul"] == "a\ufffdb"


def test_a_job_deleted_while_it_ran_keeps_its_record(world: World, services: Services) -> None:
    class Deleter:
        def run(self, job_input: JsonObject, context: RunContext) -> Outcome:
            with services.database.begin() as connection:
                connection.exec_driver_sql("DELETE FROM jobs")
            return Outcome.completed({})

    world.job()
    assert world.run(world.due(), runners={"logger": Deleter()}).completed == 1
    (execution,) = world.executions()
    assert (execution.job_id, execution.job_name) == (None, "say")


def test_a_relative_schedule_is_due_again_after_its_run(world: World) -> None:
    world.job()
    world.run(world.due(schedule_type="relative"))
    done, following = the_triggers(world.services, world.schedules[0])
    assert following.status == "scheduled"
    assert timedelta(seconds=10) <= following.due_at - done.finished_at < timedelta(seconds=11)


def test_a_relative_schedule_goes_on_after_a_failure(world: World) -> None:
    world.run(world.due(schedule_type="relative"))
    assert [row.status for row in the_triggers(world.services, world.schedules[0])] == ["failed", "scheduled"]


@pytest.mark.parametrize("change", [{"schedule_status": "inactive"}, {"schedule_status": "pending"}])
def test_a_relative_schedule_that_was_changed_while_it_ran_is_left_to_the_planner(
    world: World, services: Services, change: dict[str, str]
) -> None:
    class Changer:
        def run(self, job_input: JsonObject, context: RunContext) -> Outcome:
            set_schedule(services, world.schedules[0], active_since=services.clock.now(), **change)
            return Outcome.completed({})

    world.job()
    world.run(world.due(schedule_type="relative"), runners={"logger": Changer()})
    assert [row.status for row in the_triggers(services, world.schedules[0])] == ["completed"]
    plan(services, world.clock.now())
    expected = ["completed", "scheduled"] if change["schedule_status"] == "pending" else ["completed"]
    assert [row.status for row in the_triggers(services, world.schedules[0])] == expected


def test_a_cancelled_trigger_is_not_run(world: World) -> None:
    world.job()
    triggers = world.due()
    set_trigger(world.services, triggers[0], status="cancelled", finished_at=world.clock.now())
    assert world.run(triggers).taken == 1
    assert world.executions() == []


def test_another_attempt_goes_on_from_the_job_that_was_lost(world: World, services: Services, target: Target) -> None:
    class AfterTheFirst:
        def run(self, job_input: JsonObject, context: RunContext) -> Outcome:
            while not the_executions(services):
                time.sleep(0.01)
            return Outcome.completed({})

    brief = {"job_timeout_in_secs": 1}
    second = world.job(name="second", job_type="slack", job_input_value={}, is_root_job=False, **brief)
    world.http(target.url + "/first", name="first", condition={"condition_rules": [{"job_id": second}]}, **brief)
    runners = dict(services.runners) | {"slack": AfterTheFirst()}
    triggers = world.due()
    with pytest.raises(Unavailable):
        world.run(triggers, seconds=2, runners=runners, database=DyingDatabase(services.database))
    assert [row.job_name for row in world.executions()] == ["first"]
    recover(services, world.clock.forward(60 + 15))
    dispatch(services, world.clock.now())
    assert world.run(triggers, runners=runners).completed == 1
    assert [(row.job_name, row.attempt) for row in world.executions()] == [("first", 1), ("second", 2)]
    assert len(target.seen) == 1


class DyingDatabase(Database):
    """A database that goes away for good after the first job execution was written."""

    def __init__(self, real: Database) -> None:
        super().__init__(real.engine)
        self.real, self.gone = real, False

    def begin(self) -> Any:
        if not self.gone:
            with self.real.begin() as connection:
                written = connection.exec_driver_sql("SELECT count(*) FROM job_executions").scalar_one()
            self.gone = bool(written)
        if self.gone:
            raise Unavailable("The database is away: a test says so")
        return self.real.begin()


def test_a_database_that_is_away_for_a_moment_loses_no_record(world: World, services: Services) -> None:
    class Flaky(Database):
        calls = 0

        def begin(self) -> Any:
            Flaky.calls += 1
            if Flaky.calls in (2, 3):
                raise Unavailable("The database is away: a test says so")
            return services.database.begin()

    world.job()
    assert world.run(world.due(), database=Flaky(services.database.engine)).completed == 1
    assert world.trigger().status == "completed"
    assert len(world.executions()) == 1


def test_a_run_that_lost_its_lease_stops_and_writes_nothing(world: World, services: Services) -> None:
    class Slow:
        def run(self, job_input: JsonObject, context: RunContext) -> Outcome:
            recover(services, services.clock.now() + timedelta(minutes=1))
            return Outcome.completed({})

    following = world.job(name="following", is_root_job=False)
    world.job(condition={"condition_rules": [{"job_id": following}]})
    assert world.run(world.due(), runners={"logger": Slow()}) == Executed(completed=0, failed=0, taken=1)
    assert world.executions() == []
    assert world.trigger().status == "scheduled"


def test_the_schedule_s_own_input_reaches_templates(world: World, target: Target) -> None:
    world.http(
        target.url,
        job_input_type="job_input_as_template",
        job_input_value={"url": target.url + "/echo?city={{ schedule.input.city }}"},
    )
    world.run(world.due(input={"city": "Oslo"}))
    assert target.seen[0].query == {"city": ["Oslo"]}


def test_processed_follows_the_last_run(world: World) -> None:
    world.job()
    world.run(world.due(max_runs=1))
    plan(world.services, world.clock.now())
    assert the_schedule(world.services, world.schedules[0]).schedule_status == "processed"


def test_nothing_starts_before_it_was_queued_even_by_a_clock_that_lags(world: World) -> None:
    world.job()
    triggers = world.due()
    queued = world.trigger().queued_at
    world.clock.forward(-0.05)
    world.run(triggers)
    assert world.trigger().started_at == queued
    assert world.trigger().finished_at >= queued
