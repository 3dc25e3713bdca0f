"""Actions that fork, join and run a job after a failure: on the real database, and with whatever dies on the way."""

import time
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from shared.job import JobId, JsonValue
from shared.manage.dead_letters import get_dead_letter, redrive
from shared.manage.draft import Draft
from shared.outcome import Outcome
from shared.runners import RunContext
from shared.services import Services
from tests.fakes import RecordedQueue, SetClock
from tests.shared.retrying import TWICE, Paced, World, die
from tests.targets import Target
from tests.world import set_job, set_trigger, the_executions

pytestmark = pytest.mark.usefixtures("sound")

ONCE: dict[str, Any] = {"delivery": "at_most_once", "retry": TWICE}
# How long a crash of these worlds' executors goes unnoticed: the job's timeout and the lease's margin.
LEASE = 5 + 15


@pytest.fixture
def world(services: Services, clock: SetClock, queue: RecordedQueue) -> World:
    return World(services, clock, queue)


def diamond(world: World, target: Target, left: str = "/echo/left", **fields: Any) -> dict[str, JobId]:
    """first -> [left, right] -> join; the fields are those of left."""
    jobs: dict[str, JobId] = {}
    no_root = {"is_root_job": False}
    jobs["join"] = world.call(f"{target.url}/echo/join", "join", **no_root)
    then = {"condition": {"condition_rules": [{"job_id": jobs["join"]}]}, **no_root}
    jobs["left"] = world.call(target.url + left, "left", **then | fields)
    jobs["right"] = world.call(f"{target.url}/echo/right", "right", **then)
    fork = {"condition_rules": [{"job_id": [jobs["left"], jobs["right"]]}]}
    jobs["first"] = world.call(f"{target.url}/echo/first", "first", condition=fork)
    return jobs


def after_failure(world: World, target: Target, jobs: dict[str, JobId], path: str = "/echo/tell") -> None:
    """Have a job "tell" run when left has failed."""
    jobs["tell"] = world.call(target.url + path, "tell", is_root_job=False)
    set_job(world.services, jobs["left"], on_failure_job_id=jobs["tell"])


def called(target: Target) -> list[str]:
    return [seen.path.rpartition("/")[2] for seen in target.seen]


def until_it_ends(world: World) -> Any:
    """Let time pass until nothing follows."""
    for _ in range(5):
        if world.trigger.status in ("completed", "failed"):
            break
        world.forward(LEASE + 11)
    return world.trigger


def of_records(count: int) -> list[str]:
    """Every fail point of an executor that records so often."""
    points = [f"record.{step}@{nth}" for nth in range(1, count + 1) for step in ("written", "committed")]
    return ["claim.committed", *points]


def test_a_fork_runs_both_ways_and_joins_once(world: World, target: Target) -> None:
    diamond(world, target)
    assert world.start().status == "completed"
    assert called(target) == ["first", "left", "right", "join"]


@pytest.mark.parametrize("where", of_records(4))
def test_wherever_its_executor_dies_a_fork_comes_to_its_end_and_repeats_only_what_was_not_recorded(
    world: World, target: Target, where: str
) -> None:
    diamond(world, target)
    world.plan()
    die(world, where)
    recorded, before = {name for name, _, _ in world.executions}, len(target.seen)
    assert until_it_ends(world).status == "completed"
    assert [name for name, _, _ in world.executions] == ["first", "left", "right", "join"]
    assert set(called(target)[before:]) == {"first", "left", "right", "join"} - recorded


# The records of first, of the mark, of left, of right, and of join and the end.
@pytest.mark.parametrize("where", of_records(5))
def test_wherever_its_executor_dies_a_branch_is_sent_at_most_once_and_the_other_goes_on(
    world: World, target: Target, where: str
) -> None:
    jobs = diamond(world, target, **ONCE)
    world.plan()
    lost = die(world, where).sending_job_id == jobs["left"]
    done = until_it_ends(world)
    assert lost == (where in ("record.committed@2", "record.written@3"))
    assert called(target).count("left") == (0 if where == "record.committed@2" else 1)
    assert called(target).count("right") in (1, 2)
    assert ("join" in called(target)) == (not lost)
    assert (done.status, done.sending_job_id) == ("failed" if lost else "completed", None)


def test_what_may_have_been_sent_has_failed_for_good_and_what_follows_from_that_runs(
    world: World, target: Target
) -> None:
    jobs = diamond(world, target, **ONCE)
    after_failure(world, target, jobs)
    world.plan()
    die(world, "record.written@3")
    world.clock.forward(LEASE + 1)
    world.tick()
    told = "Its job left may have been delivered and is sent at most once; another attempt goes on without it."
    assert world.trigger.reason.endswith(told)
    dead = world.execute()
    assert called(target) == ["first", "left", "right", "tell"]
    assert world.executions[1:] == [("left", 2, "failed"), ("right", 2, "completed"), ("tell", 2, "completed")]
    told = "the executor was lost while it ran; it may have been delivered and is sent at most once"
    assert dead.reason == f"job left failed: {told}; job tell ran because of it"
    assert get_dead_letter(world.services, world.user, dead.id).failed_job_id == jobs["left"]


def test_an_executor_that_dies_again_before_it_has_said_so_sends_nothing_twice(world: World, target: Target) -> None:
    jobs = diamond(world, target, **ONCE)
    world.plan()
    sent = {"status": "executing", "attempt": 1, "lease_until": world.clock.now(), "sending_job_id": jobs["left"]}
    set_trigger(world.services, world.trigger.id, started_at=world.clock.now(), **sent)
    world.queue.packs.clear()
    world.clock.forward(1)
    world.tick()
    world.die("claim.committed")
    assert world.trigger.sending_job_id == jobs["left"]
    assert until_it_ends(world).status == "failed"
    assert called(target) == ["first", "right"]
    assert world.trigger.crashes == 2


def test_a_failure_leaves_the_other_branch_alone_and_a_redrive_does_the_rest(world: World, target: Target) -> None:
    jobs = diamond(world, target, "/status/404")
    dead = world.start()
    assert (dead.status, dead.reason) == ("failed", "job left failed: HTTP 404, expected 200-399")
    assert called(target) == ["first", "404", "right"]
    letter = get_dead_letter(world.services, world.user, dead.id)
    assert letter.failed_job_id == jobs["left"]
    again = {"ids": [dead.id], "job_input": {"url": f"{target.url}/echo/mended"}}
    redrive(world.services, world.user, Draft(again), None)
    assert world.forward(1).status == "completed"
    assert called(target)[3:] == ["mended", "join"]


def test_a_retry_holds_up_the_join_and_not_the_other_branch(world: World, target: Target) -> None:
    target.answers = [503, 503, 200]
    diamond(world, target, "/answers", retry=TWICE)
    waiting = world.start()
    assert (waiting.status, called(target)) == ("scheduled", ["first", "answers", "right"])
    assert timedelta(seconds=30) <= waiting.next_attempt_at - world.clock.now() < timedelta(seconds=32)
    world.forward(32)
    assert world.forward(32).status == "completed"
    assert called(target)[3:] == ["answers", "answers", "join"]


def test_tries_that_are_used_up_are_not_had_again_while_another_branch_waits(world: World, target: Target) -> None:
    """Left fails for good in the first attempt; right is tried three times."""
    target.answers = [503, 503, 200]
    jobs = diamond(world, target, "/status/404")
    after_failure(world, target, jobs)
    set_job(world.services, jobs["right"], retry=TWICE, job_input_value={"url": f"{target.url}/answers"})
    assert world.start().status == "scheduled"
    world.forward(32)
    dead = world.forward(32)
    assert called(target) == ["first", "404", "answers", "tell", "answers", "answers"]
    assert dead.reason == "job left failed: HTTP 404, expected 200-399; job tell ran because of it"
    finals = {row.job_name: row.final for row in the_executions(world.services)}
    assert finals == {"first": False, "left": True, "right": False, "tell": False}


def test_a_redrive_tries_what_failed_and_repeats_nothing_that_ran_because_of_it(world: World, target: Target) -> None:
    jobs = diamond(world, target, "/status/404")
    after_failure(world, target, jobs)
    dead = world.start()
    assert called(target) == ["first", "404", "right", "tell"]
    redrive(world.services, world.user, Draft({"ids": [dead.id]}), None)
    assert world.forward(1).status == "failed"
    assert called(target)[4:] == ["404"]
    redrive(world.services, world.user, Draft({"ids": [dead.id], "start": "start"}), None)
    assert world.forward(1).status == "failed"
    assert called(target)[5:] == ["first", "404", "right", "tell"]


@pytest.mark.parametrize("where", of_records(2))
def test_wherever_its_executor_dies_what_follows_a_failure_runs(world: World, target: Target, where: str) -> None:
    tell = world.call(f"{target.url}/echo/tell", "tell", is_root_job=False)
    world.call(f"{target.url}/status/404", "call", on_failure_job_id=tell)
    world.plan()
    die(world, where)
    dead = until_it_ends(world)
    assert dead.reason == "job call failed: HTTP 404, expected 200-399; job tell ran because of it"
    assert [name for name, _, _ in world.executions] == ["call", "tell"]
    assert called(target).count("404") == (2 if where == "record.written@1" else 1)


@pytest.mark.parametrize(("where", "sent"), [("record.committed@1", 0), ("record.written@2", 1)])
def test_what_follows_a_failure_runs_also_when_nobody_knows_whether_it_was_sent(
    world: World, target: Target, where: str, sent: int
) -> None:
    tell = world.call(f"{target.url}/echo/tell", "tell", is_root_job=False)
    world.call(f"{target.url}/echo/order", "order", on_failure_job_id=tell, **ONCE)
    world.plan()
    die(world, where)
    dead = until_it_ends(world)
    assert called(target) == ["order"] * sent + ["tell"]
    assert (dead.status, dead.attempt, dead.crashes) == ("failed", 2, 1)


def test_three_lost_executors_end_a_run_also_where_another_job_is_left(world: World, target: Target) -> None:
    jobs = diamond(world, target, **ONCE)
    world.plan()
    die(world, "record.committed@2")
    for _ in range(2):
        world.clock.forward(LEASE + 1)
        world.tick()
        die(world, "claim.committed")
    dead = until_it_ends(world)
    assert (dead.status, dead.crashes, dead.sending_job_id) == ("failed", 3, jobs["left"])
    assert "may have been delivered" in dead.reason
    assert "left" not in called(target)


class Stuck:
    """A runner that takes no notice of the deadline of one job, and completes others."""

    def __init__(self, job_id: JobId) -> None:
        self.job_id, self.came = job_id, list[int]()

    def run(self, job_input: JsonValue, context: RunContext) -> Outcome:
        self.came.append(int(context.idempotency_key.rpartition("-")[2]))
        if self.came[-1] == self.job_id:
            time.sleep(max(context.deadline - time.monotonic(), 0) + 3)
        return Outcome.completed({})


def test_a_job_that_does_not_come_back_leaves_the_rest_to_another_attempt(world: World, target: Target) -> None:
    jobs = diamond(world, target, job_timeout_in_secs=1)
    after_failure(world, target, jobs)
    runner = Stuck(jobs["left"])
    world.plan()
    waiting = world.execute(runners={"http": runner})
    assert waiting.status == "scheduled"
    told = "job left failed: no answer within 1 s; the rest of the action goes on in another attempt"
    assert waiting.reason == told
    assert world.forward(9).status == "failed"
    assert called(target) == ["right", "tell"]
    assert world.trigger.reason == "job left failed: no answer within 1 s; job tell ran because of it"


def test_a_chain_costs_two_statements_for_each_job_and_three_for_its_claim(world: World, target: Target) -> None:
    echo = f"{target.url}/echo"
    world.chain((echo, {}), (echo, {}), (echo, {}))
    world.plan()
    said: list[str] = []

    def listen(*given: Any) -> None:
        said.append(given[2].split()[0])

    engine = world.services.database.engine
    event.listen(engine, "before_cursor_execute", listen)
    world.execute(runners=Paced(world))
    event.remove(engine, "before_cursor_execute", listen)
    assert world.trigger.status == "completed"
    job = ["INSERT", "UPDATE"]
    # Paced reads between them.
    assert [word for word in said[3:] if word != "SELECT"] == [*job, *job, "INSERT", "WITH"]
    assert said[:3] == ["WITH", "SELECT", "SELECT"]
