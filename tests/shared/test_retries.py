"""A job that fails is tried again when its policy says so: from where it failed, at its time, and never too often."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from shared.errors import Unavailable
from shared.execute import Executed
from shared.job import JsonValue
from shared.manage.runs import cancel_trigger
from shared.manage.schedules import get_schedule
from shared.outcome import Outcome
from shared.runners import RunContext
from shared.services import Services
from shared.store.engine import Database
from tests.fakes import RecordedQueue, SetClock
from tests.shared.retrying import TWICE, World
from tests.targets import Target
from tests.world import set_trigger, the_executions, the_schedule, the_triggers

pytestmark = pytest.mark.usefixtures("sound")


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
    assert waiting.reason == f"Attempt 1 of job call failed: HTTP 503, expected 200-399; another one follows at {at}"
    assert world.forward(29).status == "scheduled"
    done = world.forward(3)
    assert (done.status, done.attempt, done.reason) == ("completed", 2, None)
    assert world.executions == [("call", 1, "failed"), ("call", 2, "completed")]
    assert [row.failure for row in the_executions(world.services)] == ["server_error", None]


def test_it_goes_on_from_the_job_that_failed_with_the_outputs_of_those_before(world: World, target: Target) -> None:
    target.answers = [500, 500, 200]
    template: dict[str, Any] = {
        "url": target.url + "/answers",
        "method": "POST",
        "request_body": {"first said": "{{ jobs.first.output.body.path }}"},
    }
    second = {"job_input_type": "job_input_as_template", "job_input_value": template, "retry": TWICE}
    world.chain((target.url + "/echo", {}), ("", second), (target.url + "/echo", {}))
    world.start()
    world.forward(32)
    assert world.forward(32).status == "completed"
    assert [seen.path for seen in target.seen] == ["/echo", "/answers", "/answers", "/answers", "/echo"]
    assert {seen.body for seen in target.seen[1:4]} == {b'{"first said": "/echo"}'}
    assert world.executions == [
        ("first", 1, "completed"),
        ("second", 1, "failed"),
        ("second", 2, "failed"),
        ("second", 3, "completed"),
        ("third", 3, "completed"),
    ]


def test_every_attempt_has_the_same_idempotency_key_and_its_own_number(world: World, target: Target) -> None:
    target.answers = [500, 500, 200]
    world.call(target.url + "/answers", retry=TWICE)
    world.start()
    world.forward(32)
    world.forward(32)
    keys = {seen.headers["idempotency-key"] for seen in target.seen}
    assert keys == {f"cronny-{world.trigger.id}-{the_executions(world.services)[0].job_id}"}
    assert [seen.headers["x-cronny-attempt"] for seen in target.seen] == ["1", "2", "3"]


def test_after_the_last_try_it_has_failed_and_says_how_often(world: World, target: Target) -> None:
    target.answers = [500]
    world.call(target.url + "/answers", retry=TWICE)
    world.start()
    world.forward(32)
    dead = world.forward(32)
    assert (dead.status, dead.attempt, dead.crashes) == ("failed", 3, 0)
    assert dead.reason == "Attempt 3 of job call failed: HTTP 500, expected 200-399; it was the last one"
    assert len(target.seen) == 3
    assert world.forward(3000).attempt == 3


def test_each_job_of_a_chain_has_its_own_tries(world: World, target: Target) -> None:
    target.answers = [500, 500, 200, 500, 500, 200]
    world.chain((target.url + "/answers", {"retry": TWICE}), (target.url + "/answers", {"retry": TWICE}))
    world.start()
    for _ in range(4):
        world.forward(32)
    assert world.trigger.status == "completed"
    assert [status for _, _, status in world.executions] == ["failed", "failed", "completed"] * 2


def test_a_job_without_a_policy_is_not_tried_again(world: World, target: Target) -> None:
    target.answers = [503, 200]
    world.call(target.url + "/answers")
    assert world.start().status == "failed"
    world.forward(3000)
    assert len(target.seen) == 1


def test_a_failure_that_will_not_pass_is_final(world: World, target: Target) -> None:
    world.call(target.url + "/status/404", retry=TWICE)
    assert world.start().reason == "job call failed: HTTP 404, expected 200-399"


def test_a_target_is_left_alone_for_as_long_as_it_asks(world: World, target: Target) -> None:
    target.answers, target.headers = [429, 200], {"Retry-After": "600"}
    world.call(target.url + "/answers", retry=TWICE)
    waiting = world.start()
    assert timedelta(seconds=600) <= waiting.next_attempt_at - world.clock.now() < timedelta(seconds=602)
    assert world.forward(599).status == "scheduled"
    assert world.forward(3).status == "completed"


def test_a_retry_moves_no_timetable_and_holds_up_no_later_run(world: World, target: Target) -> None:
    target.answers = [500, 200]
    world.call(target.url + "/answers", retry=TWICE | {"base": 7000, "cap": 7000})
    first = world.start()
    world.forward(3600)
    triggers = the_triggers(world.services, world.schedule)
    assert [row.status for row in triggers] == ["scheduled", "completed", "scheduled"]
    assert [row.due_at - first.due_at for row in triggers] == [timedelta(hours=hours) for hours in range(3)]


def test_a_schedules_next_run_is_not_the_one_that_is_tried_again(world: World, target: Target) -> None:
    target.answers = [500, 200]
    world.call(target.url + "/answers", retry=TWICE)
    first = world.start()
    schedule = get_schedule(world.services, world.user, world.schedule)
    assert schedule.next_run_at == first.due_at + timedelta(hours=1)


def test_a_relative_schedule_waits_for_the_last_attempt(world: World, target: Target) -> None:
    target.answers = [500, 200]
    world.call(target.url + "/answers", retry=TWICE)
    world.start(schedule_type="relative")
    assert [row.status for row in the_triggers(world.services, world.schedule)] == ["scheduled"]
    done = world.forward(32)
    assert done.status == "completed"
    following = the_triggers(world.services, world.schedule)[1]
    assert timedelta(hours=1) <= following.due_at - done.finished_at < timedelta(hours=1, seconds=1)


def test_retries_end_seven_days_after_the_first_attempt_began(world: World, target: Target) -> None:
    target.answers = [500]
    world.call(target.url + "/answers", retry={"max_attempts": 200, "backoff": "fixed", "base": 86_400, "cap": 86_400})
    world.start(max_runs=1)
    began = world.trigger.started_at
    while world.trigger.status == "scheduled":
        world.clock.instant = max(world.clock.now(), world.trigger.next_attempt_at)
        world.forward(1)
    assert world.trigger.status == "failed"
    assert "7 days" in world.trigger.reason
    assert world.trigger.finished_at - began < timedelta(days=7)
    assert world.trigger.attempt > 7


@pytest.mark.parametrize("change", [World.pause, World.edit, World.delete])
def test_a_change_of_the_schedule_calls_off_what_waits_for_another_attempt(
    world: World, target: Target, change: Any
) -> None:
    target.answers = [500, 200]
    world.call(target.url + "/answers", retry=TWICE)
    world.start()
    change(world)
    assert world.trigger.status == "cancelled"
    world.forward(60)
    assert (world.trigger.status, len(target.seen)) == ("cancelled", 1)


class During:
    """A runner during whose work something happens; it fails in passing."""

    def __init__(self, happens: Any) -> None:
        self.happens = happens

    def run(self, job_input: JsonValue, context: RunContext) -> Outcome:
        self.happens()
        return Outcome.failed("HTTP 503", kind="server_error")  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [World.pause, World.edit, World.delete])
def test_what_was_changed_while_it_ran_is_not_tried_again_by_its_old_definition(world: World, change: Any) -> None:
    world.call("http://127.0.0.1/", retry=TWICE)
    world.plan()
    failed = world.execute(runners={"http": During(lambda: change(world))})
    assert failed.status == "failed"
    told = "Attempt 1 of job call failed: HTTP 503; the schedule was paused, edited or deleted meanwhile"
    assert failed.reason.startswith(told)
    assert "follows at" not in failed.reason
    assert world.executed == [Executed(completed=0, failed=1, taken=0)]


def test_a_relative_schedule_edited_while_it_ran_goes_on_by_its_new_definition(world: World) -> None:
    world.call("http://127.0.0.1/", retry=TWICE)
    world.plan(schedule_type="relative")
    world.execute(runners={"http": During(world.edit)})
    world.tick()
    assert [row.status for row in the_triggers(world.services, world.schedule)] == ["failed", "scheduled"]
    assert the_schedule(world.services, world.schedule).schedule_status == "processing"


def test_a_paused_schedules_manual_run_is_tried_again(world: World, target: Target) -> None:
    target.answers = [500, 200]
    world.call(target.url + "/answers", retry=TWICE)
    world.plan()
    set_trigger(world.services, world.trigger.id, kind="manual")
    world.pause()
    assert world.execute().status == "scheduled"
    assert world.forward(32).status == "completed"


def test_what_waits_for_another_attempt_can_be_cancelled_and_its_schedule_goes_on(world: World, target: Target) -> None:
    target.answers = [500, 200]
    world.call(target.url + "/answers", retry=TWICE)
    world.start()
    cancel_trigger(world.services, world.user, world.trigger.id)
    world.forward(3600)
    assert [row.status for row in the_triggers(world.services, world.schedule)] == [
        "cancelled",
        "completed",
        "scheduled",
    ]


def test_a_job_that_overruns_its_time_is_tried_again(world: World, target: Target) -> None:
    class Deaf:
        def run(self, job_input: JsonValue, context: RunContext) -> Outcome:
            target.release.wait(30)
            return Outcome.completed({})

    world.call(target.url + "/echo", retry=TWICE, job_timeout_in_secs=1)
    world.plan()
    waiting = world.execute(runners={"http": Deaf()})
    assert (waiting.status, the_executions(world.services)[0].failure) == ("scheduled", "no_answer")
    assert world.forward(35).status == "completed"


class AwayFor(Database):
    """A database that is away for some calls after the first."""

    def __init__(self, real: Database, calls: int) -> None:
        super().__init__(real.engine)
        self.real, self.left, self.first = real, calls, True

    def begin(self) -> Any:
        if not self.first and self.left > 0:
            self.left -= 1
            raise Unavailable("The database is away: a test says so")
        self.first = False
        return self.real.begin()


def test_a_database_that_is_away_when_a_job_fails_loses_no_try(world: World, target: Target) -> None:
    target.answers = [500, 200]
    world.call(target.url + "/answers", retry=TWICE)
    world.plan()
    assert world.execute(database=AwayFor(world.services.database, 3)).status == "scheduled"
    assert world.executions == [("call", 1, "failed")]
    assert world.forward(32).status == "completed"


class LosesTheAnswer(Database):
    """A database whose COMMITs happen while the client reads a timeout, each but the first once."""

    def __init__(self, real: Database) -> None:
        super().__init__(real.engine)
        self.real, self.calls = real, 0

    def begin(self) -> Any:
        self.calls += 1
        if self.calls != 2:
            return self.real.begin()
        return self._losing()

    @contextmanager
    def _losing(self) -> Iterator[Any]:
        with self.real.begin() as connection:
            yield connection
        raise Unavailable("The answer was lost: a test says so")


def test_a_commit_whose_answer_is_lost_puts_a_trigger_back_once(world: World, target: Target) -> None:
    target.answers = [500, 200]
    world.call(target.url + "/answers", retry=TWICE)
    world.plan()
    assert world.execute(database=LosesTheAnswer(world.services.database)).status == "scheduled"
    assert world.executions == [("call", 1, "failed")]
    assert world.forward(32).status == "completed"


def test_inputs_of_the_trigger_replace_those_of_its_jobs(world: World, target: Target) -> None:
    first, _ = world.chain((target.url + "/first", {}), (target.url + "/second", {}))
    world.plan()
    set_trigger(world.services, world.trigger.id, job_inputs={str(first): {"url": target.url + "/instead"}})
    world.execute()
    assert [seen.path for seen in target.seen] == ["/instead", "/second"]
    assert the_executions(world.services)[0].input == {"url": target.url + "/instead"}


def test_a_redriven_trigger_counts_its_tries_anew_and_keeps_its_results(world: World, target: Target) -> None:
    target.answers = [500, 500, 500, 500, 200]
    world.chain((target.url + "/echo", {}), (target.url + "/answers", {"retry": TWICE}))
    world.start()
    world.forward(32)
    dead = world.forward(32)
    assert dead.status == "failed"
    redriven = {"status": "scheduled", "finished_at": None, "redrives": 1, "tries_after": dead.attempt}
    world.clock.forward(timedelta(days=8).total_seconds())
    set_trigger(world.services, dead.id, **redriven)
    assert world.forward(0).status == "scheduled"
    assert world.forward(32).status == "completed"
    mine = [seen.path for seen in target.seen if seen.headers["x-cronny-trigger"] == str(dead.id)]
    assert mine == ["/echo"] + ["/answers"] * 5


def test_a_redriven_trigger_may_begin_at_its_first_job(world: World, target: Target) -> None:
    target.answers = [404, 200]
    world.chain((target.url + "/echo", {}), (target.url + "/answers", {}))
    dead = world.start()
    again = {"status": "scheduled", "finished_at": None, "redrives": 1, "tries_after": 1, "results_after": 1}
    set_trigger(world.services, dead.id, **again)
    assert world.forward(0).status == "completed"
    assert [seen.path for seen in target.seen] == ["/echo", "/answers", "/echo", "/answers"]


def test_a_redriven_run_of_a_relative_schedule_plans_nothing(world: World, target: Target) -> None:
    world.call(target.url + "/status/404")
    dead = world.start(schedule_type="relative")
    set_trigger(
        world.services, dead.id, status="scheduled", finished_at=None, redrives=1, tries_after=1, kind="planned"
    )
    following = the_triggers(world.services, world.schedule)[1]
    set_trigger(world.services, following.id, status="skipped", reason="in the way", finished_at=world.clock.now())
    world.forward(0)
    assert [row.status for row in the_triggers(world.services, world.schedule)] == ["failed", "skipped"]
    set_trigger(world.services, following.id, status="scheduled", reason=None, finished_at=None)
