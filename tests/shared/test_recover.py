"""What died while it ran is tried again, alone, and ends as failed with the reason when that does not help."""

from datetime import timedelta

import pytest

from shared.dispatch import dispatch
from shared.failpoints import Injected, arm
from shared.plan import plan
from shared.recover import MAX_CRASHES, recover
from shared.schedule import ScheduleId
from shared.services import Services
from shared.store import executing
from shared.store.executing import Lease
from shared.trigger import Claim, TriggerStatus
from tests.fakes import RecordedQueue, SetClock
from tests.world import (
    new_action,
    new_job,
    new_logger_schedule,
    new_schedule,
    new_user,
    set_schedule,
    set_trigger,
    the_schedule,
    the_triggers,
)

pytestmark = pytest.mark.usefixtures("sound")


def executing_trigger(services: Services, clock: SetClock, **fields: object) -> ScheduleId:
    """A schedule whose first trigger is claimed by an executor that then dies."""
    schedule = new_logger_schedule(services, **fields)
    plan(services, clock.now())
    dispatch(services, clock.forward(11))  # a relative due time is rounded up to a whole second
    claim(services, schedule, clock)
    return schedule


def claim(services: Services, schedule: ScheduleId, clock: SetClock) -> list[Claim]:
    trigger = the_triggers(services, schedule)[0]
    with services.database.begin() as connection:
        return executing.claim(connection, [trigger.id], clock.now(), clock.speed)


def test_a_living_executor_is_left_alone(services: Services, clock: SetClock) -> None:
    schedule = executing_trigger(services, clock)
    lease = the_triggers(services, schedule)[0].lease_until
    assert lease == clock.now() + timedelta(seconds=5 + 15)
    recover(services, lease - timedelta(microseconds=1))
    assert the_triggers(services, schedule)[0].status == "executing"


def test_a_lost_attempt_is_repeated_in_a_message_of_its_own(
    services: Services, queue: RecordedQueue, clock: SetClock
) -> None:
    schedule = executing_trigger(services, clock)
    queue.packs.clear()
    recover(services, clock.forward(20))
    lost = the_triggers(services, schedule)[0]
    assert (lost.status, lost.attempt, lost.alone) == ("scheduled", 1, True)
    assert "attempt 1 was lost" in lost.reason
    dispatch(services, clock.now())
    assert (lost.id,) in queue.packs
    assert claim(services, schedule, clock)[0].attempt == 2


def test_a_trigger_that_kills_every_executor_fails_with_the_reason(services: Services, clock: SetClock) -> None:
    schedule = executing_trigger(services, clock)
    for _ in range(MAX_CRASHES - 1):
        recover(services, clock.forward(20))
        dispatch(services, clock.now())
        claim(services, schedule, clock)
    recover(services, clock.forward(20))
    dead = the_triggers(services, schedule)[0]
    assert (dead.status, dead.attempt) == ("failed", MAX_CRASHES)
    assert dead.reason.endswith("That was the last attempt: 3 executors were lost with it.")
    assert dead.finished_at == clock.now()


@pytest.mark.parametrize("change", [{"schedule_status": "inactive"}, {"version": 2}])
def test_a_paused_or_edited_schedule_is_not_tried_again(
    services: Services, clock: SetClock, change: dict[str, object]
) -> None:
    schedule = executing_trigger(services, clock)
    planned = the_triggers(services, schedule)[1]
    set_trigger(services, planned.id, status="cancelled", finished_at=clock.now())
    set_schedule(services, schedule, exhausted=True, **change)
    recover(services, clock.forward(20))
    lost = the_triggers(services, schedule)[0]
    assert lost.status == "failed"
    assert "paused, edited or deleted" in lost.reason


def test_a_relative_schedule_goes_on_after_its_run_was_lost_for_good(services: Services, clock: SetClock) -> None:
    schedule = executing_trigger(services, clock, schedule_type="relative")
    set_trigger(services, the_triggers(services, schedule)[0].id, crashes=MAX_CRASHES - 1, attempt=MAX_CRASHES)
    recover(services, clock.forward(20))
    dead, following = the_triggers(services, schedule)
    assert dead.status == "failed"
    assert following.status == "scheduled"
    assert timedelta(seconds=10) <= following.due_at - clock.now() < timedelta(seconds=11)


def test_an_executor_that_wakes_after_its_lease_changes_nothing(services: Services, clock: SetClock) -> None:
    schedule = executing_trigger(services, clock)
    set_trigger(services, the_triggers(services, schedule)[0].id, status="queued", attempt=0, resend_at=clock.now())
    (zombie,) = claim(services, schedule, clock)
    recover(services, clock.forward(20))
    dispatch(services, clock.now())
    (living,) = claim(services, schedule, clock)
    with services.database.begin() as connection:
        assert executing.extend(connection, [Lease(zombie, clock.now())]) == set()
        assert (
            executing.finish(connection, [executing.Ending(zombie, TriggerStatus.FAILED, "late")], clock.now()) == set()
        )
        assert executing.extend(connection, [Lease(living, clock.now())]) == {living.id}


def test_a_processing_schedule_whose_last_run_was_lost_ends_as_processed(services: Services, clock: SetClock) -> None:
    schedule = executing_trigger(services, clock, max_runs=1)
    set_trigger(services, the_triggers(services, schedule)[0].id, crashes=MAX_CRASHES - 1, attempt=MAX_CRASHES)
    recover(services, clock.forward(20))
    plan(services, clock.now())
    assert the_schedule(services, schedule).schedule_status == "processed"


def test_crashes_are_counted_apart_from_the_tries_of_jobs(services: Services, clock: SetClock) -> None:
    schedule = executing_trigger(services, clock)
    set_trigger(services, the_triggers(services, schedule)[0].id, attempt=7)
    recover(services, clock.forward(20))
    lost = the_triggers(services, schedule)[0]
    assert (lost.status, lost.attempt, lost.crashes) == ("scheduled", 7, 1)


def test_everything_in_a_pack_whose_executor_died_travels_alone(
    services: Services, queue: RecordedQueue, clock: SetClock
) -> None:
    user = new_user(services)
    action = new_action(services, user)
    new_job(services, user, action)
    schedules = [new_schedule(services, user, action) for _ in range(3)]
    plan(services, clock.now())
    dispatch(services, clock.forward(11))
    pack = [the_triggers(services, schedule)[0].id for schedule in schedules]
    with services.database.begin() as connection:
        executing.claim(connection, pack, clock.now(), clock.speed)
    queue.packs.clear()
    recover(services, clock.forward(20))
    dispatch(services, clock.now())
    assert {(key,) for key in pack} <= set(queue.packs)
    assert all(the_triggers(services, schedule)[0].alone for schedule in schedules)


def test_a_crash_in_the_middle_of_a_recovery_repeats_it(services: Services, clock: SetClock) -> None:
    schedule = executing_trigger(services, clock)
    clock.forward(20)
    for point in ("recover.lost_locked", "recover.lost_written"):
        arm({point: "raise"})
        with pytest.raises(Injected):
            recover(services, clock.now())
        assert the_triggers(services, schedule)[0].status == "executing"
    arm({"recover.lost_committed": "raise"})
    with pytest.raises(Injected):
        recover(services, clock.now())
    arm({})
    recover(services, clock.now())
    assert (the_triggers(services, schedule)[0].status, the_triggers(services, schedule)[0].crashes) == ("scheduled", 1)


@pytest.mark.parametrize(("point", "resent_at_once"), [("written", True), ("committed", False)])
def test_a_crash_in_the_middle_of_a_resend_costs_one_more_wait_at_most(
    services: Services, queue: RecordedQueue, clock: SetClock, point: str, resent_at_once: bool
) -> None:
    schedule = new_logger_schedule(services)
    plan(services, clock.now())
    dispatch(services, clock.forward(11))
    trigger = the_triggers(services, schedule)[0].id
    queue.packs.clear()
    arm({f"recover.resend_{point}": "raise"})
    with pytest.raises(Injected):
        recover(services, clock.forward(21))
    arm({})
    recover(services, clock.now())
    assert ((trigger,) in queue.packs) is resent_at_once
    recover(services, clock.forward(41))
    assert (trigger,) in queue.packs
