"""A host that keeps failing is left alone: what calls it waits and says so, one trigger tries it, then all go on."""

import socket
import threading
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from shared import gate, sightings
from shared.breaker import Breaker
from shared.create import create, take_over
from shared.errors import Unavailable
from shared.execute import Executed, execute
from shared.gate import Gate
from shared.job import JsonObject
from shared.manage import runs, schedules
from shared.outcome import FailureKind, Outcome
from shared.probe import probe
from shared.progress import Step
from shared.record import JobEnded
from shared.recover import recover
from shared.runners import RunContext
from shared.services import Services
from shared.store import breakers as store
from shared.store import executing
from shared.store.engine import Database
from shared.trigger import TriggerId
from shared.user import UserId
from tests.fakes import RecordedQueue, SetClock
from tests.shared.graphs import job
from tests.shared.store.test_breakers import put_back
from tests.shared.test_execute import World
from tests.targets import Target, running_target
from tests.world import (
    new_action,
    new_breaker,
    new_held,
    new_user,
    set_schedule,
    set_trigger,
    the_breaker,
    the_executions,
    the_trigger,
)

pytestmark = pytest.mark.usefixtures("sound")


@dataclass
class Hosted(World):
    """Triggers of one occurrence each, whose job calls the target."""

    queue: RecordedQueue | None = None

    def called(self, target: Target, count: int, path: str = "/answers", **fields: Any) -> list[TriggerId]:
        """That many due triggers of an action of their own."""
        self.action = new_action(self.services, self.user, f"calls {len(self.schedules)} {path}")
        self.http(target.url + path, **fields)
        return self.due(count, max_runs=1)

    def forward(self, seconds: float) -> list[Executed]:
        """Let so much time pass, tick at the next even second, and execute what was sent."""
        now = self.clock.forward(seconds)
        now = self.clock.forward((2 - now.second % 2) - now.microsecond / 1e6)
        assert self.queue is not None
        self.queue.packs.clear()
        for _ in range(2):
            create(self.services, self.clock.now(), take_over(self.services, self.clock.now()))
        packs, self.queue.packs = self.queue.packs, []
        return [self.run(list(pack)) for pack in packs]

    def breaker(self, target: Target) -> Any:
        return the_breaker(self.services, self.user, host(target))

    def statuses(self, triggers: list[TriggerId]) -> list[tuple[str, str | None]]:
        rows = [the_trigger(self.services, trigger) for trigger in triggers]
        return [(row.status, row.hold) for row in rows]


@pytest.fixture
def world(services: Services, clock: SetClock, queue: RecordedQueue) -> Hosted:
    return Hosted(services, clock, queue=queue)


def host(target: Target) -> str:
    return f"127.0.0.1:{target.port}"


def opened(world: Hosted, target: Target) -> None:
    """Five failures of the target."""
    target.answers = [500]
    world.run(world.called(target, 5))
    assert world.breaker(target).state == "open"


HELD = ("scheduled", "breaker")


def test_after_five_failures_the_next_one_waits_and_says_so(world: Hosted, target: Target) -> None:
    opened(world, target)
    (trigger,) = world.called(target, 1)
    assert world.run([trigger]) == Executed(completed=0, failed=0, taken=0, put_back=1)
    row, breaker = the_trigger(world.services, trigger), world.breaker(target)
    assert (row.status, row.hold, row.held_for, row.attempt, row.crashes) == (*HELD, host(target), 1, 0)
    told = f"Waiting: {host(target)} failed 5 times in a row; it is tried again at {breaker.probe_at:%H:%M:%S} UTC."
    assert row.reason == told
    assert row.next_attempt_at == breaker.probe_at + timedelta(minutes=5)
    assert the_executions(world.services, trigger) == []
    assert len(target.seen) == 5


def test_a_host_that_recovers_is_tried_once_and_then_all_go_on(world: Hosted, target: Target) -> None:
    opened(world, target)
    held = world.called(target, 8)
    world.run(held)
    assert world.statuses(held) == [HELD] * 8
    target.answers = [200]
    target.seen.clear()
    (executed,) = world.forward(30)
    assert (executed.completed, len(target.seen)) == (1, 1)
    # They are due at the same time: any of them is the oldest.
    assert sorted(world.statuses(held)) == [("completed", None)] + [("scheduled", None)] * 7
    breaker = world.breaker(target)
    assert (breaker.state, breaker.failures, breaker.opens) == ("closed", 0, 0)
    assert sum(executed.completed for executed in world.forward(2)) == 7
    assert [the_trigger(world.services, trigger).attempt for trigger in held] == [2] * 8


def test_a_host_that_stays_sick_is_tried_ever_more_seldom(world: Hosted, target: Target) -> None:
    opened(world, target)
    held = world.called(target, 6)
    world.run(held)
    target.seen.clear()
    for number, pause in enumerate([60, 120, 240, 480], 1):
        world.clock.instant = max(world.breaker(target).probe_at, world.clock.now())
        tried_at = world.clock.now()
        world.forward(0)
        assert len(target.seen) == number
        breaker = world.breaker(target)
        assert (breaker.state, breaker.opens) == ("open", number + 1)
        assert breaker.probe_at - tried_at >= timedelta(seconds=pause)
    statuses = world.statuses(held)
    assert sorted(statuses) == [("failed", None)] * 4 + [HELD] * 2
    for trigger in [trigger for trigger, status in zip(held, statuses, strict=True) if status == HELD]:
        assert f"tried again at {breaker.probe_at:%H:%M:%S} UTC" in the_trigger(world.services, trigger).reason


def test_a_host_that_refuses_connections_is_left_alone(world: Hosted) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        closed = Target(f"http://127.0.0.1:{taken.getsockname()[1]}", taken.getsockname()[1])
        world.run(world.called(closed, 5))
        assert "refused" in world.breaker(closed).last_error
        late = world.called(closed, 1)
        world.run(late)
    assert world.statuses(late) == [HELD]


def test_a_host_that_never_answers_is_left_alone(world: Hosted, target: Target) -> None:
    world.run(world.called(target, 5, "/hang", job_timeout_in_secs=1))
    breaker = world.breaker(target)
    assert (breaker.state, breaker.last_error) == ("open", "no answer within 1 s")


def test_a_host_that_asks_for_rest_gets_it(world: Hosted, target: Target) -> None:
    target.answers, target.headers = [429], {"Retry-After": "300"}
    world.run(world.called(target, 5))
    breaker = world.breaker(target)
    assert breaker.probe_at - breaker.opened_at == timedelta(seconds=300)


@pytest.mark.parametrize("path", ["/status/404", "/status/301", "/echo"])
def test_any_other_answer_is_an_answer(world: Hosted, target: Target, path: str) -> None:
    world.run(world.called(target, 6, path))
    assert world.breaker(target) is None


def test_an_answer_in_between_begins_the_count_anew(world: Hosted, target: Target) -> None:
    target.answers = [500]
    world.run(world.called(target, 4))
    world.run(world.called(target, 1, "/status/404"))
    world.run(world.called(target, 4))
    assert (world.breaker(target).state, world.breaker(target).failures) == ("closed", 4)


def test_neither_bad_input_nor_forbidden_addresses_nor_our_own_faults_count(world: Hosted, target: Target) -> None:
    class Crasher:
        def run(self, job_input: JsonObject, context: RunContext) -> Outcome:
            raise KeyError

    forbidden = Target("http://10.0.0.1:80", 80)
    world.run(world.called(forbidden, 6))
    world.run(world.called(target, 6, job_input_value={"url": target.url, "method": "BREW"}))
    world.run(world.called(target, 6, name="crash"), runners={"http": Crasher()})
    assert {row.status for row in the_executions(world.services)} == {"failed"}
    assert len(the_executions(world.services)) == 18
    with world.services.database.begin() as connection:
        assert store.read_list(connection, world.user) == []


def test_hosts_that_are_well_cost_one_statement_a_pack(world: Hosted, target: Target, database: Database) -> None:
    asked: list[str] = []

    @event.listens_for(world.services.database.engine, "before_cursor_execute")
    def remember(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    triggers = world.called(target, 20)
    asked.clear()
    world.run(triggers)
    assert len([statement for statement in asked if "breakers" in statement]) == 1
    assert world.breaker(target) is None


def test_a_later_job_of_a_chain_waits_and_the_first_is_not_repeated(world: Hosted, target: Target) -> None:
    with running_target() as sick:
        sick.answers = [500]
        world.run(world.called(sick, 5))
        world.action = new_action(world.services, world.user, "chain")
        second = world.http(sick.url + "/answers", name="second", is_root_job=False)
        world.http(target.url + "/first", name="first", condition={"condition_rules": [{"job_id": second}]})
        (trigger,) = world.due(max_runs=1)
        assert world.run([trigger]).put_back == 1
        assert world.statuses([trigger]) == [HELD]
        assert [(row.job_name, row.attempt) for row in the_executions(world.services, trigger)] == [("first", 1)]
        sick.answers = [200]
        world.forward(30)
    assert world.statuses([trigger]) == [("completed", None)]
    ran = [(row.job_name, row.attempt) for row in the_executions(world.services, trigger)]
    assert ran == [("first", 1), ("second", 2)]
    assert len(target.seen) == 1


def test_a_host_that_only_the_made_input_names_is_known_all_the_same(world: Hosted, target: Target) -> None:
    opened(world, target)
    target.seen.clear()
    world.action = new_action(world.services, world.user, "template")
    template = {"url": "http://{{ schedule.input.host }}/echo"}
    world.http("-", job_input_type="job_input_as_template", job_input_value=template)
    held = world.due(max_runs=1, input={"host": host(target)})
    with running_target() as well:
        free = world.due(max_runs=1, input={"host": host(well)})
        world.run(held + free)
    assert world.statuses(held + free) == [HELD, ("completed", None)]
    assert target.seen == []


def test_a_chain_that_takes_long_looks_again_before_its_next_job(
    world: Hosted, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "STALE_AFTER_SECONDS", 0.0)

    class Opener:
        """While it runs, another executor opens the breaker of the host that follows."""

        def run(self, job_input: JsonObject, context: RunContext) -> Outcome:
            new_breaker(world.services, world.user, host(target))
            return Outcome.completed({})

    second = world.http(target.url + "/answers", name="second", is_root_job=False)
    world.job(name="first", condition={"condition_rules": [{"job_id": second}]})
    triggers = world.due(max_runs=1)
    world.run(triggers, runners=dict(world.services.runners) | {"logger": Opener()})
    assert world.statuses(triggers) == [HELD]
    assert target.seen == []


def test_two_executors_at_once_send_one_probe(world: Hosted, target: Target, database: Database) -> None:
    opened(world, target)
    pack = world.called(target, 6, "/hang", job_timeout_in_secs=2)
    world.clock.forward(30)
    target.seen.clear()
    services = replace(world.services, database=database)
    threads = [
        threading.Thread(target=execute, args=(services, pack[start::2], time.monotonic() + 60)) for start in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(target.seen) == 1
    assert sorted(world.statuses(pack)) == [("failed", None)] + [HELD] * 5
    assert (world.breaker(target).state, world.breaker(target).opens) == ("open", 2)


def test_without_anything_held_the_next_trigger_is_the_probe_at_once(world: Hosted, target: Target) -> None:
    opened(world, target)
    world.clock.forward(60)
    target.answers = [200]
    assert world.run(world.called(target, 1)).completed == 1
    assert world.breaker(target).state == "closed"


def test_a_probe_whose_executor_dies_is_followed_by_another(world: Hosted, target: Target) -> None:
    opened(world, target)
    both = world.called(target, 2)
    world.run(both)
    probe(world.services, world.clock.forward(30))
    # They are due at the same time: either may be the oldest.
    first = world.breaker(target).probe_trigger_id
    (second,) = set(both) - {first}
    # It is claimed, takes the probe, and nothing more is heard of it.
    now = world.clock.now()
    set_trigger(world.services, first, status="queued", resend_at=now, hold=None, held_for=None)
    until = now + timedelta(seconds=5 + 15)
    with world.services.database.begin() as connection:
        executing.claim(connection, [first], now, 1)
        assert store.take_probe(connection, (world.user, host(target)), first, until, now) is not None
    target.answers = [200]
    world.forward(10)
    assert world.statuses([second]) == [HELD]
    world.forward(12)
    assert world.statuses([second]) == [("completed", None)]
    assert world.breaker(target).state == "closed"
    world.forward(60)
    recover(world.services, world.clock.now())
    world.forward(2)
    assert world.statuses([first]) == [("completed", None)]


def test_the_host_of_one_user_is_not_that_of_another(world: Hosted, target: Target) -> None:
    opened(world, target)
    ada, world.user = world.user, new_user(world.services, "bob")
    target.answers = [200]
    bobs = world.called(target, 2)
    assert world.run(bobs).completed == 2
    assert world.breaker(target) is None
    assert the_breaker(world.services, ada, host(target)).state == "open"


def test_in_fast_time_a_host_is_left_alone_as_long(world: Hosted, target: Target) -> None:
    world.clock.speed = 60
    opened(world, target)
    breaker = world.breaker(target)
    assert breaker.probe_at - breaker.opened_at == timedelta(seconds=30 * 60)
    late = world.called(target, 1)
    world.run(late)
    assert world.statuses(late) == [HELD]
    assert the_trigger(world.services, late[0]).next_attempt_at == breaker.probe_at + timedelta(minutes=5 * 60)


def test_waiting_is_no_try(world: Hosted, target: Target) -> None:
    """A job that may be tried twice more is, however often it waited for its host."""
    target.answers = [500]
    policy = {"max_attempts": 2, "backoff": "fixed", "base": 10, "jitter": "none"}
    (trigger,) = world.called(target, 1, retry=policy)
    world.run([trigger])
    world.run(world.called(target, 4))
    # Tried after 45 s, held at 90 s because its host is left alone until 105 s, tried at 135 s: on a machine that is
    # seconds late, too.
    for _ in range(8):
        world.forward(45)
    row = the_trigger(world.services, trigger)
    assert row.status == "failed"
    assert "Attempt 3" in row.reason
    assert len(the_executions(world.services, trigger)) == 3
    assert row.attempt > 3


def test_a_schedule_that_is_paused_calls_off_what_waits(world: Hosted, target: Target) -> None:
    opened(world, target)
    held = world.called(target, 1)
    world.run(held)
    set_schedule(world.services, world.schedules[-1], schedule_status="processing")
    schedules.pause_schedule(world.services, world.user, world.schedules[-1])
    assert world.statuses(held) == [("cancelled", None)]
    assert the_trigger(world.services, held[0]).held_for is None


def test_what_waits_can_be_cancelled_by_itself(world: Hosted, target: Target) -> None:
    opened(world, target)
    held = world.called(target, 1)
    world.run(held)
    runs.cancel_trigger(world.services, world.user, held[0])
    assert world.statuses(held) == [("cancelled", None)]


@pytest.mark.parametrize("change", [{"schedule_status": "inactive"}, {"version": 2}])
def test_what_would_wait_for_a_schedule_that_was_changed_meanwhile_is_called_off(
    world: Hosted, target: Target, change: dict[str, Any]
) -> None:
    class Changer:
        def run(self, job_input: JsonObject, context: RunContext) -> Outcome:
            set_schedule(world.services, world.schedules[-1], **change)
            return Outcome.completed({})

    opened(world, target)
    world.action = new_action(world.services, world.user, "changes")
    second = world.http(target.url + "/answers", name="second", is_root_job=False)
    world.job(name="first", condition={"condition_rules": [{"job_id": second}]})
    triggers = world.due(max_runs=1)
    world.run(triggers, runners=dict(world.services.runners) | {"logger": Changer()})
    assert world.statuses(triggers) == [("cancelled", None)]
    assert "paused, edited or deleted" in the_trigger(world.services, triggers[0]).reason


def test_a_database_that_goes_away_before_the_accounting_loses_nothing(
    world: Hosted, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, calls = sightings.count, []

    def flaky(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) <= 2:
            raise Unavailable("The database is away: a test says so")
        return count(*arguments)

    monkeypatch.setattr(sightings, "count", flaky)
    target.answers = [500]
    executed = world.run(world.called(target, 5))
    assert executed.failed == 5
    assert len(calls) >= 3
    assert (world.breaker(target).state, world.breaker(target).failures) == ("open", 5)


def test_a_database_that_stays_away_does_not_keep_the_executor_for_ever(
    world: Hosted, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> Any:
        raise Unavailable("The database is away: a test says so")

    monkeypatch.setattr(sightings, "count", away)
    target.answers = [500]
    assert world.run(world.called(target, 2), seconds=6).failed == 2
    assert world.breaker(target) is None


def test_sightings_that_cannot_be_written_harm_nobody(world: Hosted, target: Target, services: Services) -> None:
    """Their user was deleted meanwhile."""
    gone = Gate(services, [world.user], {})
    claim = put_back(services, new_held(services, world.user, host(target))[0]).claim
    failed = Outcome.failed("HTTP 500", {"status": 500}, FailureKind.SERVER_ERROR)
    ended = JobEnded(replace(claim, user_id=UserId(world.user + 1)), step(target).ended(failed, claim.due_at), None)
    gone.account([ended], services.clock.now())
    assert not gone.pending(time.monotonic() + 60)


def step(target: Target) -> Step:
    """A job that calls the target now."""
    started_at = datetime(2026, 1, 1, tzinfo=UTC)
    return Step(job(1, job_type="http"), {"url": target.url}, started_at, time.monotonic() + 20, 20)


def test_while_the_database_is_away_what_was_known_is_believed(world: Hosted, target: Target) -> None:
    class Away(Database):
        def begin(self) -> Any:
            raise Unavailable("The database is away: a test says so")

    services = world.services
    claim = put_back(services, new_held(services, world.user, host(target))[0]).claim
    known = {(world.user, host(target)): sick(world, target)}
    away = Gate(replace(services, database=Away(services.database.engine)), [world.user], known)
    woken = threading.Event()
    answers: list[Any] = []
    walk = threading.Thread(target=lambda: answers.append(away.admit(claim, woken.set)(step(target))))
    walk.start()
    assert woken.wait(20)
    away.answer(services.clock.now())
    walk.join(20)
    assert answers[0].held_for == host(target)
    with running_target() as other:
        assert away.admit(claim, woken.set)(step(other)) is None


def sick(world: Hosted, target: Target) -> Breaker:
    new_breaker(world.services, world.user, host(target))
    with world.services.database.begin() as connection:
        return store.of_users(connection, [world.user])[world.user, host(target)]
