"""Dead letters: what failed for good is found, goes on from the failed job by the definition of now, or is put away."""

import time
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import select, update

from shared.dispatch import dispatch
from shared.errors import Conflict, Invalid, NotFound
from shared.execute import execute
from shared.manage import dead_letters
from shared.manage.dead_letters import discard, get_dead_letter, redrive, retry_trigger
from shared.manage.draft import Draft
from shared.manage.runs import cancel_trigger
from shared.manage.schedules import change_schedule, delete_schedule, pause_schedule, resume_schedule
from shared.paging import Slice
from shared.plan import plan
from shared.recover import recover
from shared.services import Services
from shared.store.tables import jobs
from shared.trigger import TriggerId
from tests.fakes import RecordedQueue, SetClock
from tests.shared.manage.test_schedules import at_once
from tests.targets import Target
from tests.world import (
    new_action,
    new_job,
    new_schedule,
    new_user,
    set_trigger,
    the_executions,
    the_schedule,
    the_triggers,
)

pytestmark = pytest.mark.usefixtures("sound")


class World:
    """A user with an action of two jobs, the second of which fails, and a schedule of it."""

    def __init__(
        self, services: Services, clock: SetClock, queue: RecordedQueue, target: Target, **fields: Any
    ) -> None:
        self.services, self.clock, self.queue, self.target = services, clock, queue, target
        self.user = new_user(services)
        self.action = new_action(services, self.user)
        self.second = self.http("second", "/status/500", is_root_job=False)
        follows = {"version": 1, "condition_rules": [{"filters": [], "job_id": self.second}]}
        self.first = self.http("first", "/echo/first", condition=follows)
        self.schedule = new_schedule(services, self.user, self.action, **fields)

    def http(self, name: str, path: str, **fields: Any) -> int:
        given = {"name": name, "job_type": "http", "job_input_value": {"url": self.target.url + path}}
        return new_job(self.services, self.user, self.action, **given | fields)

    def fire(self, seconds: float = 11) -> None:
        """Plan, dispatch what is due so much later, and run it."""
        plan(self.services, self.clock.now())
        dispatch(self.services, self.clock.forward(seconds))
        self.work()

    def work(self) -> None:
        """Run what the queue holds."""
        while self.queue.packs:
            execute(self.services, self.queue.packs.pop(0), time.monotonic() + 30)

    def set_job(self, job_id: int, **fields: Any) -> None:
        """Overwrite columns of a job."""
        with self.services.database.begin() as connection:
            connection.execute(update(jobs).where(jobs.c.id == job_id).values(**fields))

    def mend(self) -> None:
        """The second job's target is fixed."""
        self.set_job(self.second, job_input_value={"url": f"{self.target.url}/echo/fixed"})

    def letters(self, **filters: Any) -> list[int]:
        page = dead_letters.list_dead_letters(self.services, self.user, Draft(filters), Slice())
        return [letter.id for letter in page.items]

    def redrive(self, *ids: int, **fields: Any) -> dead_letters.Chosen:
        return redrive(self.services, self.user, Draft({"ids": list(ids), **fields}), None)

    def trigger(self, position: int = 0) -> Any:
        return the_triggers(self.services, self.schedule)[position]

    def called(self) -> list[str]:
        return [seen.path for seen in self.target.seen]


@pytest.fixture
def world(services: Services, clock: SetClock, queue: RecordedQueue, target: Target) -> World:
    return World(services, clock, queue, target)


def test_what_failed_for_good_is_a_dead_letter_that_tells_its_failed_job_and_input(world: World) -> None:
    world.fire()
    letter = get_dead_letter(world.services, world.user, world.trigger().id)
    assert world.letters() == [letter.trigger.id]
    assert letter.failed_job_id == world.second
    assert letter.failure is not None
    assert letter.failure.execution.input == {"url": f"{world.target.url}/status/500"}
    assert [one.execution.job_name for one in letter.job_executions] == ["first", "second"]
    assert "job second failed" in str(letter.trigger.reason)


def test_a_redrive_goes_on_from_the_failed_job(world: World) -> None:
    world.fire()
    key = world.target.seen[-1].headers["idempotency-key"]
    world.mend()
    trigger = world.trigger()
    assert world.redrive(trigger.id).changed == [trigger.id]
    assert world.letters() == []
    world.fire(0)
    after = world.trigger()
    assert (after.status, after.reason, after.attempt, after.redrives) == ("completed", None, 2, 1)
    assert world.called() == ["/echo/first", "/status/500", "/echo/fixed"]
    assert world.target.seen[-1].headers["idempotency-key"] == key


def test_a_redrive_from_the_start_calls_the_first_job_again(world: World) -> None:
    world.fire()
    world.mend()
    world.redrive(world.trigger().id, start="start")
    assert (world.trigger().results_after, world.trigger().tries_after) == (1, 1)
    world.fire(0)
    assert world.trigger().status == "completed"
    assert world.called() == ["/echo/first", "/status/500", "/echo/first", "/echo/fixed"]


def test_the_failed_job_runs_with_the_input_that_replaces_its_own(world: World) -> None:
    world.fire()
    world.redrive(world.trigger().id, job_input={"url": f"{world.target.url}/echo/edited"})
    world.fire(0)
    assert world.trigger().status == "completed"
    assert world.called() == ["/echo/first", "/status/500", "/echo/edited"]
    with world.services.database.begin() as connection:
        kept = connection.execute(select(jobs.c.job_input_value).where(jobs.c.id == world.second)).scalar_one()
    assert kept == {"url": f"{world.target.url}/status/500"}


def test_a_redriven_job_has_all_its_tries_again(world: World) -> None:
    retry = {"max_attempts": 1, "backoff": "fixed", "base": 1, "cap": 1, "jitter": "none", "on": ["server_error"]}
    world.set_job(world.second, retry=retry)
    world.fire()
    world.fire(3)
    assert (world.trigger().status, world.trigger().attempt) == ("failed", 2)
    world.redrive(world.trigger().id)
    world.fire(0)
    assert (world.trigger().status, world.trigger().attempt) == ("scheduled", 3)
    world.fire(3)
    assert (world.trigger().status, world.trigger().attempt) == ("failed", 4)
    assert world.called().count("/status/500") == 4


def test_a_job_that_may_have_been_sent_is_sent_again_when_its_user_says_so(world: World) -> None:
    """Its executor died while it was sent at most once, which ends the trigger; nothing was recorded of it."""
    world.fire()
    world.mend()
    world.set_job(world.second, delivery="at_most_once")
    trigger = world.trigger()
    world.redrive(trigger.id)
    dispatch(world.services, world.clock.now())
    lost = {"status": "executing", "attempt": 2, "lease_until": world.clock.now(), "sending_job_id": world.second}
    set_trigger(world.services, trigger.id, **lost)
    world.queue.packs.clear()
    recover(world.services, world.clock.forward(1))
    letter = get_dead_letter(world.services, world.user, trigger.id)
    assert (letter.failed_job_id, letter.failure) == (world.second, letter.job_executions[-1])
    world.redrive(trigger.id, job_input={"url": f"{world.target.url}/echo/once"})
    world.fire(1)
    assert world.trigger().status == "completed"
    assert world.called()[-1] == "/echo/once"


def test_a_redriven_run_gets_another_input_when_one_is_given(world: World) -> None:
    world.fire()
    trigger = world.trigger()
    world.redrive(trigger.id, input={"dry": True})
    assert world.trigger().input == {"dry": True}
    set_trigger(world.services, trigger.id, status="failed", reason="-", finished_at=world.clock.now())
    world.redrive(trigger.id)
    assert world.trigger().input == {"dry": True}
    set_trigger(world.services, trigger.id, status="failed", reason="-", finished_at=world.clock.now())
    world.redrive(trigger.id, input=None)
    assert world.trigger().input is None


def test_the_failed_job_gets_another_input_and_keeps_it_until_the_run_begins_anew(world: World) -> None:
    world.fire()
    trigger, given = world.trigger(), {"url": f"{world.target.url}/status/503"}
    world.redrive(trigger.id, job_input=given)
    assert world.trigger().job_inputs == {str(world.second): given}
    set_trigger(world.services, trigger.id, status="failed", reason="-", finished_at=world.clock.now())
    world.redrive(trigger.id)
    assert world.trigger().job_inputs == {str(world.second): given}
    set_trigger(world.services, trigger.id, status="failed", reason="-", finished_at=world.clock.now())
    world.redrive(trigger.id, start="start")
    assert world.trigger().job_inputs is None


@pytest.mark.parametrize("job_input", [{}, {"url": "no address"}, {"url": "http://127.0.0.1", "method": "EAT"}])
def test_an_input_that_the_job_cannot_take_is_refused(world: World, job_input: dict[str, Any]) -> None:
    world.fire()
    with pytest.raises(Invalid, match="job_input"):
        world.redrive(world.trigger().id, job_input=job_input)
    assert world.letters() == [world.trigger().id]


def test_an_input_for_one_job_is_no_input_for_many(world: World) -> None:
    world.fire()
    world.fire()
    with pytest.raises(Invalid, match="job_input"):
        world.redrive(*world.letters(), job_input={"url": "http://127.0.0.1/"})


def test_many_are_redriven_at_a_rate_and_run_at_it(world: World) -> None:
    for _ in range(6):
        world.fire()
    ids = sorted(world.letters())
    now = world.clock.now()
    done = redrive(world.services, world.user, Draft({"rate": 2}), Draft({"schedule_id": world.schedule}))
    assert sorted(done.changed) == ids
    again = [row.next_attempt_at for row in the_triggers(world.services, world.schedule) if row.id in ids]
    assert again[0] == now
    assert {after - before for before, after in pairwise(again)} == {timedelta(seconds=0.5)}


def test_the_pace_goes_on_from_batch_to_batch(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(5):
        world.fire()
    ids = world.letters()
    monkeypatch.setattr(dead_letters, "BATCH", 2)
    world.redrive(*ids, 999_999, rate=1)
    again = [row.next_attempt_at for row in the_triggers(world.services, world.schedule) if row.id in ids]
    assert {after - before for before, after in pairwise(again)} == {timedelta(seconds=1)}


def test_a_paused_schedules_dead_letters_run_again_and_nothing_else_does(world: World) -> None:
    world.fire()
    world.mend()
    pause_schedule(world.services, world.user, world.schedule)
    world.redrive(world.trigger().id)
    world.fire(0)
    assert world.trigger().status == "completed"
    assert {row.status for row in the_triggers(world.services, world.schedule)[1:]} == {"cancelled"}


def test_a_pause_leaves_what_was_redriven_alone_but_an_edit_and_a_deletion_cancel_it(world: World) -> None:
    world.fire()
    world.redrive(world.trigger().id, rate=1)
    pause_schedule(world.services, world.user, world.schedule)
    resume_schedule(world.services, world.user, world.schedule)
    assert world.trigger().status == "scheduled"
    change_schedule(world.services, world.user, world.schedule, Draft({"input": {"new": 1}}))
    assert (world.trigger().status, world.trigger().reason) == ("cancelled", "the schedule was edited")
    world.fire()
    letter = world.letters()[0]
    world.redrive(letter)
    delete_schedule(world.services, world.user, world.schedule)
    row = next(row for row in the_triggers(world.services, world.schedule) if row.id == letter)
    assert (row.status, row.reason) == ("cancelled", "the schedule was deleted")


def test_a_redrive_runs_by_the_definition_of_now(world: World) -> None:
    world.fire()
    trigger = world.trigger()
    other = new_action(world.services, world.user, "another")
    new_job(world.services, world.user, other)
    change_schedule(world.services, world.user, world.schedule, Draft({"action_id": other}))
    with pytest.raises(Invalid, match="not among those that its schedule runs now"):
        world.redrive(trigger.id, job_input={"url": "http://127.0.0.1/"})
    world.redrive(trigger.id)
    after = world.trigger()
    assert (after.action_id, after.schedule_version, after.results_after) == (other, 2, 1)
    world.fire(0)
    assert world.trigger().status == "completed"


def test_what_cannot_be_redriven_is_said_one_by_one(world: World) -> None:
    for _ in range(3):
        world.fire()
    running, gone, fine = sorted(world.letters())
    set_trigger(world.services, gone, discarded_at=world.clock.now())
    ended = {"status": "completed", "reason": None}
    set_trigger(world.services, running, **ended)
    done = world.redrive(running, gone, fine, 999_999)
    assert done.changed == [fine]
    assert done.skipped == [
        (running, "It is completed, so it is no dead letter."),
        (gone, "It was discarded."),
        (999_999, "There is no such dead letter."),
    ]


def test_a_deleted_schedules_dead_letters_stay_but_cannot_be_redriven(world: World) -> None:
    world.fire()
    trigger = world.trigger()
    delete_schedule(world.services, world.user, world.schedule)
    assert world.letters() == [trigger.id]
    assert world.redrive(trigger.id).skipped == [(trigger.id, "Its schedule was deleted, so nothing says what to run.")]
    with pytest.raises(Conflict, match="deleted"):
        retry_trigger(world.services, world.user, trigger.id, Draft())


def test_a_trigger_is_retried_by_itself(world: World) -> None:
    world.fire()
    trigger = retry_trigger(world.services, world.user, world.trigger().id, Draft())
    assert (trigger.status, trigger.redrives) == ("scheduled", 1)
    with pytest.raises(Conflict, match="scheduled"):
        retry_trigger(world.services, world.user, trigger.id, Draft())
    with pytest.raises(NotFound):
        retry_trigger(world.services, world.user, TriggerId(999_999), Draft())


def test_a_redriven_run_leads_nowhere_and_stops_no_chain(
    services: Services, clock: SetClock, queue: RecordedQueue, target: Target
) -> None:
    world = World(services, clock, queue, target, schedule_type="relative")
    world.fire()
    world.mend()
    assert [row.status for row in the_triggers(services, world.schedule)] == ["failed", "scheduled"]
    world.redrive(world.trigger().id)
    dispatch(services, clock.now())
    # The chain's next run ends while the redriven one is still on its way.
    redriven = queue.packs.pop(0)
    # It is due ten seconds after the first one ended, which a busy machine may have taken seconds for.
    world.fire(60)
    assert [row.status for row in the_triggers(services, world.schedule)] == ["queued", "completed", "scheduled"]
    execute(services, redriven, time.monotonic() + 30)
    assert [row.status for row in the_triggers(services, world.schedule)] == ["completed", "completed", "scheduled"]
    cancelled = world.trigger(2)
    assert cancelled.due_at > clock.now()


def test_a_redriven_run_that_is_called_off_plans_nothing(
    services: Services, clock: SetClock, queue: RecordedQueue, target: Target
) -> None:
    world = World(services, clock, queue, target, schedule_type="relative")
    world.fire()
    world.redrive(world.trigger().id)
    before = the_schedule(services, world.schedule)
    cancel_trigger(services, world.user, world.trigger().id)
    after = the_schedule(services, world.schedule)
    assert (after.schedule_status, after.active_since) == (before.schedule_status, before.active_since)


def test_a_processed_schedule_stays_processed_while_its_run_is_redriven(
    services: Services, clock: SetClock, queue: RecordedQueue, target: Target
) -> None:
    at = (clock.now() + timedelta(seconds=5)).replace(microsecond=0).isoformat()
    world = World(services, clock, queue, target, schedule_type="absolute", schedule_value=at, schedule_unit=None)
    world.fire()
    plan(services, clock.now())
    assert the_schedule(services, world.schedule).schedule_status == "processed"
    world.mend()
    world.redrive(world.trigger().id)
    world.fire(0)
    assert world.trigger().status == "completed"
    assert the_schedule(services, world.schedule).schedule_status == "processed"


def test_what_was_redriven_is_found_again_when_its_executor_dies(world: World) -> None:
    world.fire()
    world.mend()
    trigger = world.trigger()
    pause_schedule(world.services, world.user, world.schedule)
    world.redrive(trigger.id)
    dispatch(world.services, world.clock.now())
    lost = {"status": "executing", "attempt": 2, "lease_until": world.clock.now()}
    set_trigger(world.services, trigger.id, **lost)
    world.queue.packs.clear()
    recover(world.services, world.clock.forward(1))
    world.fire(1)
    assert world.trigger().status == "completed"


def test_a_discarded_one_stays_in_the_history_and_is_no_dead_letter(world: World) -> None:
    world.fire()
    trigger = world.trigger()
    done = discard(world.services, world.user, Draft({"ids": [trigger.id, 999_999]}), None)
    assert (done.changed, [trigger_id for trigger_id, _ in done.skipped]) == ([trigger.id], [999_999])
    assert world.letters() == []
    assert world.trigger().status == "failed"
    assert discard(world.services, world.user, Draft({"ids": [trigger.id]}), None).skipped == [
        (trigger.id, "It was discarded.")
    ]
    with pytest.raises(NotFound):
        get_dead_letter(world.services, world.user, trigger.id)


def test_filters_choose_by_schedule_time_and_words(world: World) -> None:
    world.fire()
    first, failed_at = world.letters()[0], world.clock.now()
    world.fire()
    second = world.letters()[0]
    later = failed_at + timedelta(seconds=5)
    assert world.letters(until=later) == [first]
    assert world.letters(since=later) == [second]
    assert world.letters(q="JOB SECOND FAILED") == [second, first]
    assert world.letters(q="100%") == []
    assert world.letters(schedule_id=world.schedule, action_id=world.action) == [second, first]
    assert world.letters(schedule_id=world.schedule + 1) == []
    done = discard(world.services, world.user, Draft(), Draft({"until": later}))
    assert done.changed == [first]


def test_a_filter_that_matches_too_many_changes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.fire()
    world.fire()
    monkeypatch.setattr(dead_letters, "MAX_AT_ONCE", 1)
    with pytest.raises(Invalid, match="narrow"):
        redrive(world.services, world.user, Draft(), Draft())
    assert len(world.letters()) == 2


@pytest.mark.parametrize("_again", range(5))
def test_two_redrives_at_once_are_one(world: World, _again: int) -> None:
    world.fire()
    trigger = world.trigger()
    results: list[int] = []
    once = [lambda: results.append(len(world.redrive(trigger.id).changed))] * 2
    at_once(*once)
    assert sorted(results) == [0, 1]
    assert world.trigger().redrives == 1


@pytest.mark.parametrize("_again", range(5))
def test_a_redrive_that_meets_a_deletion_never_runs(world: World, _again: int) -> None:
    world.fire()
    trigger = world.trigger()
    at_once(
        lambda: world.redrive(trigger.id),
        lambda: delete_schedule(world.services, world.user, world.schedule),
    )
    assert world.trigger().status in ("failed", "cancelled")


def test_every_dead_letter_counts_the_executions_of_its_last_attempt(world: World) -> None:
    world.fire()
    world.redrive(world.trigger().id)
    world.fire(0)
    letter = get_dead_letter(world.services, world.user, world.trigger().id)
    assert letter.trigger.attempt == 2
    assert letter.failure is not None
    assert letter.failure.attempt == 2
    assert [row.job_name for row in the_executions(world.services, letter.trigger.id)] == ["first", "second", "second"]
