"""Runs of a schedule that must not overlap do not, and each occurrence says what it met."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.dispatch import dispatch
from shared.execute import execute
from shared.manage.draft import Draft
from shared.manage.runs import backfill, cancel_trigger, run_now
from shared.manage.schedules import change_schedule, delete_schedule, pause_schedule
from shared.outcome import Outcome
from shared.overlap import MAX_WAITING
from shared.plan import plan
from shared.record import TriggerEnded, record
from shared.recover import MAX_CRASHES, recover
from shared.runners import RunContext
from shared.schedule import ScheduleId
from shared.services import Services
from shared.store import executing
from shared.store.engine import Database
from shared.trigger import Claim, TriggerId, TriggerStatus
from tests.fakes import RecordedQueue, SetClock
from tests.world import (
    ENTERPRISE,
    give_plan,
    new_logger_schedule,
    set_schedule,
    set_trigger,
    the_schedule,
    the_triggers,
)

pytestmark = pytest.mark.usefixtures("sound")

POLICIES = ("skip", "buffer_one", "buffer_all", "allow", "cancel_running")
State = Callable[[Services, SetClock, TriggerId], Any]


def schedule_of(services: Services, overlap: str, **fields: Any) -> ScheduleId:
    """A schedule of every ten seconds, whose first occurrence is on the way."""
    schedule = new_logger_schedule(services, overlap=overlap, **fields)
    give_plan(services, the_schedule(services, schedule).user_id, ENTERPRISE)
    plan(services, services.clock.now())
    return schedule


def tick(services: Services, clock: SetClock, seconds: float = 10) -> None:
    clock.forward(seconds)
    while dispatch(services, clock.now()).more:
        pass


def seen(services: Services, schedule: ScheduleId) -> list[str]:
    """What became of each occurrence, but for the one that is planned next."""
    rows = the_triggers(services, schedule)
    assert (rows[-1].status, rows[-1].hold) == ("scheduled", None)
    return [row.hold or row.status for row in rows[:-1]]


def claim(services: Services, trigger_id: TriggerId) -> Claim:
    with services.database.begin() as connection:
        (claimed,) = executing.claim(connection, [trigger_id], services.clock.now(), 1.0)
        return claimed


def end(services: Services, claimed: Claim, status: TriggerStatus = TriggerStatus.COMPLETED) -> None:
    reason = None if status is TriggerStatus.COMPLETED else "job say failed"
    record(services, [TriggerEnded(claimed, status, reason)], services.clock.now())


def leave_queued(services: Services, clock: SetClock, trigger_id: TriggerId) -> None:
    """As it is."""


def run(services: Services, clock: SetClock, trigger_id: TriggerId) -> None:
    claim(services, trigger_id)


def finish(services: Services, clock: SetClock, trigger_id: TriggerId) -> None:
    end(services, claim(services, trigger_id))


def wait_for_retry(services: Services, clock: SetClock, trigger_id: TriggerId) -> None:
    claim(services, trigger_id)
    later = clock.now() + timedelta(minutes=5)
    retried = {"status": "scheduled", "lease_until": None, "next_attempt_at": later, "reason": "it failed"}
    set_trigger(services, trigger_id, **retried)


def wait_for_share(services: Services, clock: SetClock, trigger_id: TriggerId) -> None:
    held = {"status": "scheduled", "hold": "limit", "held_for": "", "reason": "waits"}
    set_trigger(services, trigger_id, resend_at=None, **held)


def wait_for_host(services: Services, clock: SetClock, trigger_id: TriggerId) -> None:
    later = clock.now() + timedelta(minutes=5)
    held = {"status": "scheduled", "hold": "breaker", "held_for": "a:80", "reason": "waits", "next_attempt_at": later}
    set_trigger(services, trigger_id, resend_at=None, **held)


ACTIVE: dict[str, State] = {
    "queued": leave_queued,
    "executing": run,
    "waiting for a retry": wait_for_retry,
    "waiting for its share": wait_for_share,
    "waiting for a broken host": wait_for_host,
}
AFTER = {"skip": "skipped", "buffer_one": "overlap", "buffer_all": "overlap", "allow": "queued"}


@pytest.mark.parametrize("policy", POLICIES)
def test_what_meets_nobody_goes(services: Services, clock: SetClock, policy: str) -> None:
    schedule = schedule_of(services, policy)
    tick(services, clock)
    finish(services, clock, the_triggers(services, schedule)[0].id)
    tick(services, clock)
    assert seen(services, schedule) == ["completed", "queued"]


@pytest.mark.parametrize("state", ACTIVE)
@pytest.mark.parametrize("policy", AFTER)
def test_what_meets_a_run_under_way_does_as_its_policy_says(
    services: Services, clock: SetClock, policy: str, state: str
) -> None:
    schedule = schedule_of(services, policy)
    tick(services, clock)
    first = the_triggers(services, schedule)[0]
    ACTIVE[state](services, clock, first.id)
    before = the_triggers(services, schedule)[0]
    tick(services, clock)
    now, second, _ = the_triggers(services, schedule)
    assert (now.status, now.hold, now.attempt) == (before.status, before.hold, before.attempt)
    # The line of who waits for a share is one line.
    after = "limit" if (policy, state) == ("allow", "waiting for its share") else AFTER[policy]
    assert (second.hold or second.status) == after
    if policy != "allow":
        assert f"{first.due_at:%Y-%m-%dT%H:%M:%SZ}" in second.reason


@pytest.mark.parametrize("state", ACTIVE)
def test_cancel_running_takes_the_place_of_whatever_is_under_way(
    services: Services, clock: SetClock, state: str
) -> None:
    schedule = schedule_of(services, "cancel_running")
    tick(services, clock)
    ACTIVE[state](services, clock, the_triggers(services, schedule)[0].id)
    tick(services, clock)
    first, second, _ = the_triggers(services, schedule)
    assert [first.status, second.status] == ["cancelled", "queued"]
    assert (first.hold, first.lease_until) == (None, None)
    assert first.reason == f"the run of {second.due_at:%Y-%m-%dT%H:%M:%SZ} took its place"


def test_only_one_waits_with_buffer_one(services: Services, clock: SetClock) -> None:
    schedule = schedule_of(services, "buffer_one")
    for _ in range(4):
        tick(services, clock)
    assert seen(services, schedule) == ["queued", "overlap", "skipped", "skipped"]
    assert "another occurrence waited" in the_triggers(services, schedule)[2].reason


def test_buffer_all_lets_a_hundred_wait(services: Services, clock: SetClock) -> None:
    schedule = schedule_of(services, "buffer_all", schedule_value="1")
    tick(services, clock, MAX_WAITING + 3)
    assert seen(services, schedule) == ["queued"] + ["overlap"] * MAX_WAITING + ["skipped"] * 2
    assert "100 occurrences waited" in the_triggers(services, schedule)[-2].reason


def test_who_waits_goes_in_the_order_of_due_times_when_the_one_before_has_ended(
    services: Services, clock: SetClock, queue: RecordedQueue
) -> None:
    schedule = schedule_of(services, "buffer_all")
    for _ in range(4):
        tick(services, clock)
    for place in range(3):
        rows = the_triggers(services, schedule)
        assert seen(services, schedule) == ["completed"] * place + ["queued"] + ["overlap"] * (3 - place)
        finish(services, clock, rows[place].id)
        tick(services, clock, 0)
    sent = [trigger for pack in queue.packs for trigger in pack]
    assert sent == [row.id for row in the_triggers(services, schedule)][:4]


@pytest.mark.parametrize("ending", ["completed", "failed", "lost", "called off"])
def test_every_end_of_a_run_wakes_who_waits_for_it(services: Services, clock: SetClock, ending: str) -> None:
    schedule = schedule_of(services, "buffer_one")
    tick(services, clock)
    tick(services, clock)
    first, second, _ = the_triggers(services, schedule)
    assert second.next_attempt_at == clock.now() + timedelta(seconds=30)
    if ending == "called off":
        cancel_trigger(services, the_schedule(services, schedule).user_id, first.id)
    else:
        set_trigger(services, first.id, attempt=MAX_CRASHES - 1, crashes=MAX_CRASHES - 1)
        claimed = claim(services, first.id)
        if ending == "lost":
            set_trigger(services, first.id, lease_until=clock.now())
            recover(services, clock.now())
        else:
            end(services, claimed, TriggerStatus(ending))
    tick(services, clock, 0)
    assert the_triggers(services, schedule)[1].status == "queued"


def test_who_was_not_woken_is_looked_at_all_the_same(services: Services, clock: SetClock) -> None:
    schedule = schedule_of(services, "buffer_one")
    tick(services, clock)
    tick(services, clock)
    first = the_triggers(services, schedule)[0]
    done = {"status": "completed", "attempt": 1, "started_at": clock.now(), "finished_at": clock.now()}
    set_trigger(services, first.id, **done)
    set_schedule(services, schedule, schedule_status="inactive")
    set_trigger(services, the_triggers(services, schedule)[-1].id, status="cancelled", finished_at=clock.now())
    tick(services, clock, 29)
    assert the_triggers(services, schedule)[1].hold == "overlap"
    set_schedule(services, schedule, schedule_status="processing", exhausted=True)
    tick(services, clock, 1)
    assert the_triggers(services, schedule)[1].status == "queued"


def test_a_newcomer_does_not_overtake_who_waits(services: Services, clock: SetClock) -> None:
    schedule = schedule_of(services, "buffer_all")
    tick(services, clock)
    tick(services, clock)
    first, second, _ = the_triggers(services, schedule)
    done = {"status": "completed", "attempt": 1, "started_at": clock.now(), "finished_at": clock.now()}
    set_trigger(services, first.id, **done)
    set_trigger(services, second.id, next_attempt_at=clock.now() + timedelta(hours=1))
    tick(services, clock)
    assert seen(services, schedule) == ["completed", "overlap", "overlap"]
    tick(services, clock, 0)
    assert seen(services, schedule) == ["completed", "queued", "overlap"]


def test_a_retry_that_is_due_is_the_run_under_way_and_goes(services: Services, clock: SetClock) -> None:
    schedule = schedule_of(services, "skip")
    tick(services, clock)
    first = the_triggers(services, schedule)[0]
    wait_for_retry(services, clock, first.id)
    set_trigger(services, first.id, next_attempt_at=clock.now() + timedelta(seconds=10))
    tick(services, clock)
    assert seen(services, schedule) == ["queued", "skipped"]


def test_a_run_by_hand_always_goes_and_counts_for_the_timetable(services: Services, clock: SetClock) -> None:
    schedule = schedule_of(services, "skip")
    user = the_schedule(services, schedule).user_id
    tick(services, clock)
    manual = run_now(services, user, schedule, Draft({}))
    tick(services, clock, 0)
    finish(services, clock, the_triggers(services, schedule)[0].id)
    tick(services, clock)
    by_id = {row.id: row for row in the_triggers(services, schedule)}
    assert by_id[manual.id].status == "queued"
    assert [row.status for row in by_id.values()] == ["completed", "queued", "skipped", "scheduled"]


def test_backfills_wait_for_each_other_and_planned_occurrences_go_first(services: Services, clock: SetClock) -> None:
    anchor = clock.now().replace(microsecond=0) - timedelta(seconds=40)
    schedule = schedule_of(services, "buffer_all", anchor=anchor)
    row = the_schedule(services, schedule)
    past = {"since": anchor, "until": anchor + timedelta(seconds=40)}
    assert backfill(services, row.user_id, schedule, Draft(past)).created == 3
    tick(services, clock, 5)
    assert seen(services, schedule) == ["queued", "overlap", "overlap"]
    tick(services, clock, 5)
    assert seen(services, schedule) == ["queued", "overlap", "overlap", "overlap"]
    finish(services, clock, the_triggers(services, schedule)[0].id)
    tick(services, clock, 0)
    assert seen(services, schedule) == ["completed", "overlap", "overlap", "queued"]
    finish(services, clock, the_triggers(services, schedule)[3].id)
    tick(services, clock, 0)
    assert seen(services, schedule) == ["completed", "queued", "overlap", "completed"]


def test_two_occurrences_in_one_batch_see_each_other(services: Services, clock: SetClock) -> None:
    schedule = schedule_of(services, "skip")
    manual = run_now(services, the_schedule(services, schedule).user_id, schedule, Draft({}))
    tick(services, clock)
    rows = the_triggers(services, schedule)
    assert [(row.kind, row.status) for row in rows] == [
        ("manual", "queued"),
        ("planned", "skipped"),
        ("planned", "scheduled"),
    ]
    assert rows[0].id == manual.id


def test_a_relative_schedule_never_overlaps_with_itself(services: Services, clock: SetClock) -> None:
    schedule = schedule_of(services, "skip", schedule_type="relative")
    tick(services, clock, 11)
    finish(services, clock, the_triggers(services, schedule)[0].id)
    tick(services, clock, 11)
    assert [row.status for row in the_triggers(services, schedule)] == ["completed", "queued"]


@pytest.mark.parametrize("change", ["pause", "edit", "delete"])
def test_who_waits_is_cancelled_with_its_schedule(services: Services, clock: SetClock, change: str) -> None:
    schedule = schedule_of(services, "buffer_one")
    user = the_schedule(services, schedule).user_id
    tick(services, clock)
    tick(services, clock)
    if change == "edit":
        change_schedule(services, user, schedule, Draft({"schedule_value": "20"}))
    elif change == "pause":
        pause_schedule(services, user, schedule)
    else:
        delete_schedule(services, user, schedule)
    second = the_triggers(services, schedule)[1]
    assert (second.status, second.hold) == ("cancelled", None)


def test_calling_off_who_waits_leaves_the_timetable_alone(services: Services, clock: SetClock) -> None:
    schedule = schedule_of(services, "buffer_one")
    tick(services, clock)
    tick(services, clock)
    planned = the_triggers(services, schedule)[2]
    cancel_trigger(services, the_schedule(services, schedule).user_id, the_triggers(services, schedule)[1].id)
    plan(services, clock.now())
    assert seen(services, schedule) == ["queued", "cancelled"]
    assert the_triggers(services, schedule)[2].id == planned.id


def test_a_policy_holds_from_the_next_decision_on(services: Services, clock: SetClock) -> None:
    schedule = schedule_of(services, "buffer_one")
    tick(services, clock)
    tick(services, clock)
    version = the_schedule(services, schedule).version
    change_schedule(services, the_schedule(services, schedule).user_id, schedule, Draft({"overlap": "allow"}))
    assert the_schedule(services, schedule).version == version
    tick(services, clock)
    assert seen(services, schedule) == ["queued", "overlap", "queued"]
    tick(services, clock, 20)
    assert seen(services, schedule)[1] == "queued"


@pytest.mark.parametrize("policy", ["skip", "buffer_one", "buffer_all"])
def test_two_creators_and_an_executor_that_finishes_never_let_two_runs_overlap(
    services: Services, database: Database, clock: SetClock, policy: str
) -> None:
    schedule = schedule_of(services, policy, schedule_value="1")
    tick(services, clock, 1)
    others = [replace(services, queue=RecordedQueue(), database=database) for _ in range(2)]
    for _ in range(8):
        running = [row for row in the_triggers(services, schedule) if row.status == "queued"]
        claimed = claim(services, running[0].id)
        now = clock.forward(1)
        threads = [threading.Thread(target=dispatch, args=(other, now)) for other in others]
        threads.append(threading.Thread(target=end, args=(services, claimed)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rows = the_triggers(services, schedule)
        assert sum(row.status in ("queued", "executing") for row in rows) <= 1
        tick(services, clock, 0)
        if all(row.status != "queued" for row in the_triggers(services, schedule)):
            tick(services, clock, 1)
    planned = the_triggers(services, schedule)
    times = [row.due_at for row in planned]
    assert times == [times[0] + timedelta(seconds=n) for n in range(len(times))]
    if policy == "buffer_all":
        assert all(row.status != "skipped" for row in planned)


def test_an_executor_leaves_a_run_whose_place_was_taken(
    services: Services, database: Database, clock: SetClock
) -> None:
    schedule = schedule_of(services, "cancel_running")
    tick(services, clock)
    first = the_triggers(services, schedule)[0]
    started, free = threading.Event(), threading.Event()

    class Hanging:
        def run(self, given: Any, context: RunContext) -> Outcome:
            started.set()
            free.wait(30)
            return Outcome.completed({})

    executor = replace(services, database=database, runners={"logger": Hanging()})
    ended: list[Any] = []
    thread = threading.Thread(target=lambda: ended.append(execute(executor, [first.id], time.monotonic() + 60)))
    thread.start()
    assert started.wait(10)
    tick(services, clock)
    thread.join(10)
    free.set()
    assert not thread.is_alive()
    assert (ended[0].completed, ended[0].failed, ended[0].taken) == (0, 0, 1)
    assert [row.status for row in the_triggers(services, schedule)] == ["cancelled", "queued", "scheduled"]


def test_what_a_replaced_run_says_later_changes_nothing(services: Services, clock: SetClock) -> None:
    schedule = schedule_of(services, "cancel_running")
    tick(services, clock)
    claimed = claim(services, the_triggers(services, schedule)[0].id)
    tick(services, clock)
    assert record(services, [TriggerEnded(claimed, TriggerStatus.COMPLETED, None)], clock.now()).lost == {claimed.id}
    assert the_triggers(services, schedule)[0].status == "cancelled"


def test_skipped_occurrences_are_no_runs(services: Services, clock: SetClock) -> None:
    schedule = schedule_of(services, "skip", max_runs=2)
    for _ in range(4):
        tick(services, clock)
    assert seen(services, schedule) == ["queued", "skipped", "skipped", "skipped"]
    finish(services, clock, the_triggers(services, schedule)[0].id)
    tick(services, clock)
    rows = the_triggers(services, schedule)
    assert [row.status for row in rows] == ["completed", *["skipped"] * 3, "queued"]
    assert the_schedule(services, schedule).runs == 2
