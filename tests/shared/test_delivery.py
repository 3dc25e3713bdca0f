"""At most once means it: whatever dies, breaks or is lost, a job that may have been sent is not sent again."""

import time
from typing import Any

import pytest

from shared.errors import Unavailable
from shared.execute import Executed
from shared.job import JsonValue
from shared.outcome import FailureKind, Outcome
from shared.runners import RunContext
from shared.services import Services
from shared.store.engine import Database
from tests.fakes import RecordedQueue, SetClock
from tests.shared.retrying import TWICE, World, die
from tests.targets import Target
from tests.world import the_executions

pytestmark = pytest.mark.usefixtures("sound")

ONCE: dict[str, Any] = {"delivery": "at_most_once", "retry": TWICE}
# How long a crash of these worlds' executors goes unnoticed: the job's timeout and the lease's margin.
LEASE = 5 + 15


@pytest.fixture
def world(services: Services, clock: SetClock, queue: RecordedQueue) -> World:
    return World(services, clock, queue)


class Watching:
    """A runner that looks at the database while it works."""

    def __init__(self, world: World, outcome: Outcome) -> None:
        self.world, self.outcome, self.seen = world, outcome, list[Any]()

    def run(self, job_input: JsonValue, context: RunContext) -> Outcome:
        self.seen.append((self.world.trigger.sending_job_id, context.once))
        return self.outcome


def test_it_is_marked_before_it_is_sent_and_the_mark_goes_with_its_record(world: World) -> None:
    job = world.call("http://127.0.0.1/", **ONCE)
    runner = Watching(world, Outcome.completed({}))
    world.plan()
    done = world.execute(runners={"http": runner})
    assert runner.seen == [(job, True)]
    assert (done.status, done.sending_job_id) == ("completed", None)


def test_the_mark_goes_when_the_next_job_follows(world: World) -> None:
    first, _ = world.chain(("http://127.0.0.1/", ONCE), ("http://127.0.0.1/", {}))
    runner = Watching(world, Outcome.completed({}))
    world.plan()
    world.execute(runners={"http": runner})
    assert [once for _, once in runner.seen] == [True, False]
    assert runner.seen[0][0] == first
    assert world.trigger.status == "completed"


def test_a_job_of_the_usual_kind_is_not_marked(world: World) -> None:
    world.call("http://127.0.0.1/", retry=TWICE)
    runner = Watching(world, Outcome.completed({}))
    world.plan()
    world.execute(runners={"http": runner})
    assert runner.seen == [(None, False)]


@pytest.mark.parametrize("path", ["status/503", "status/429", "close", "gibberish", "half"])
def test_what_may_have_been_sent_is_not_sent_again(world: World, target: Target, path: str) -> None:
    world.call(f"{target.url}/{path}", **ONCE)
    failed = world.start()
    assert failed.status == "failed"
    assert "may have been delivered and is sent at most once" in failed.reason
    world.forward(3000)
    assert len(target.seen) == 1


def test_what_was_certainly_not_sent_is_tried_again(world: World, target: Target) -> None:
    world.call(f"{target.url}/echo", **ONCE)
    unreachable = Outcome.failed("refused", kind=FailureKind.UNREACHABLE)
    world.plan()
    assert world.execute(runners={"http": Watching(world, unreachable)}).status == "scheduled"
    assert world.trigger.sending_job_id is None
    assert world.forward(32).status == "completed"
    assert len(target.seen) == 1


@pytest.mark.parametrize(
    ("where", "sent_before", "marked", "ends_as", "sent_at_last"),
    [
        ("claim.committed", 0, False, "completed", 1),
        ("record.written@1", 0, False, "completed", 1),
        ("record.committed@1", 0, True, "failed", 0),
        ("record.written@2", 1, True, "failed", 1),
        ("record.committed@2", 1, False, "completed", 1),
    ],
)
def test_wherever_its_executor_dies_it_is_sent_once_at_most(
    world: World, target: Target, where: str, sent_before: int, marked: bool, ends_as: str, sent_at_last: int
) -> None:
    world.call(f"{target.url}/echo", name="order", **ONCE)
    world.plan()
    dead = world.die(where)
    assert (len(target.seen), dead.sending_job_id is not None) == (sent_before, marked)
    world.forward(LEASE + 1)
    assert (world.trigger.status, world.trigger.sending_job_id is None) == (ends_as, ends_as == "completed")
    assert len(target.seen) == sent_at_last


def test_the_reason_says_that_it_may_have_been_delivered(world: World, target: Target) -> None:
    world.call(f"{target.url}/echo", name="order", **ONCE)
    world.plan()
    world.die("record.written@2")
    lost = world.forward(LEASE + 1)
    assert (lost.crashes, lost.reason) == (
        1,
        "The executor of attempt 1 was lost before it could record an outcome."
        " Its job order may have been delivered and is sent at most once, so there is no other attempt.",
    )


def test_a_crash_before_or_after_it_in_the_chain_repeats_only_the_other_jobs(world: World, target: Target) -> None:
    world.chain((f"{target.url}/order", ONCE), (f"{target.url}/note", {}))
    world.plan()
    # The mark, the record of the order, and the end.
    die(world, "record.written@3")
    assert world.forward(LEASE + 1).status == "completed"
    assert [seen.path for seen in target.seen] == ["/order", "/note", "/note"]


class AwayAfterTheClaim(Database):
    """A database that goes away for good once something was claimed, or until it is let back."""

    def __init__(self, real: Database, until: float = float("inf")) -> None:
        super().__init__(real.engine)
        self.real, self.until, self.claimed = real, until, False

    def begin(self) -> Any:
        if self.claimed and time.monotonic() < self.until:
            raise Unavailable("The database is away: a test says so")
        self.claimed = True
        return self.real.begin()


def test_what_cannot_be_marked_in_time_is_not_sent_but_put_back(world: World, target: Target) -> None:
    world.call(f"{target.url}/echo", **ONCE | {"job_timeout_in_secs": 1})
    world.plan()
    back_in = time.monotonic() + 2
    waiting = world.execute(database=AwayAfterTheClaim(world.services.database, back_in))
    assert (waiting.status, target.seen, world.executions) == ("scheduled", [], [])
    assert "no time left" in waiting.reason
    assert world.forward(5).status == "completed"
    assert len(target.seen) == 1


def test_without_a_database_nothing_is_sent(world: World, target: Target) -> None:
    world.call(f"{target.url}/echo", **ONCE | {"job_timeout_in_secs": 1})
    world.plan()
    with pytest.raises(Unavailable):
        world.execute(seconds=0.5, database=AwayAfterTheClaim(world.services.database))
    assert target.seen == []
    assert world.trigger.sending_job_id is None


def test_a_trigger_that_is_taken_away_before_it_is_sent_is_not_sent(world: World, target: Target) -> None:
    class TakenAway(Database):
        calls = 0

        def begin(self) -> Any:
            TakenAway.calls += 1
            if TakenAway.calls == 2:
                world.clock.forward(LEASE + 1)
                world.tick()
            return world.services.database.begin()

    world.call(f"{target.url}/echo", **ONCE)
    world.plan()
    world.execute(database=TakenAway(world.services.database.engine))
    assert world.executed[0] == Executed(completed=0, failed=0, taken=1)
    assert (len(target.seen), world.trigger.status) == (1, "completed")
    assert [row.attempt for row in the_executions(world.services)] == [2]
