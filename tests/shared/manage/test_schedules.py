"""Changes of schedules while the creator is at work on them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from shared.dispatch import dispatch
from shared.errors import Invalid, NotFound
from shared.manage.draft import Draft
from shared.manage.schedules import (
    Wish,
    change_schedule,
    create_schedule,
    delete_schedule,
    get_schedule,
    pause_schedule,
    resume_schedule,
)
from shared.plan import plan
from shared.schedule import ScheduleId, ScheduleStatus
from shared.services import Services
from shared.user import UserId
from tests.fakes import SetClock
from tests.world import new_action, new_logger_schedule, new_user, the_schedule, the_triggers

PLANNED = {"scheduled", "queued"}


def at_once(*verbs: Callable[[], object]) -> None:
    """Run these at the same moment, each on a connection of its own; raise what any of them raises."""
    barrier = Barrier(len(verbs))

    def run(verb: Callable[[], object]) -> None:
        barrier.wait()
        verb()

    with ThreadPoolExecutor(len(verbs)) as threads:
        list(threads.map(run, verbs))


def planned(services: Services, schedule_id: ScheduleId) -> list[str]:
    return [trigger.status for trigger in the_triggers(services, schedule_id) if trigger.status in PLANNED]


def owner(services: Services, schedule_id: ScheduleId) -> UserId:
    return UserId(the_schedule(services, schedule_id).user_id)


@pytest.mark.parametrize("change", [pause_schedule, delete_schedule])
@pytest.mark.parametrize("_again", range(5))
def test_nothing_stays_planned_when_a_pause_or_a_delete_meets_a_dispatch(
    services: Services, clock: SetClock, change: Callable[[Services, UserId, ScheduleId], object], _again: int
) -> None:
    schedule_id = new_logger_schedule(services)
    user_id = owner(services, schedule_id)
    plan(services, clock.now())
    now = clock.forward(15)
    at_once(lambda: dispatch(services, now), lambda: change(services, user_id, schedule_id))
    assert planned(services, schedule_id) == []
    assert the_schedule(services, schedule_id).schedule_status == "inactive"


@pytest.mark.parametrize("_again", range(5))
def test_resuming_many_times_at_once_plans_one_trigger(services: Services, clock: SetClock, _again: int) -> None:
    schedule_id = new_logger_schedule(services)
    user_id = owner(services, schedule_id)
    plan(services, clock.now())
    pause_schedule(services, user_id, schedule_id)
    resume = lambda: resume_schedule(services, user_id, schedule_id)  # noqa: E731
    at_once(resume, resume, lambda: plan(services, clock.now()), resume)
    plan(services, clock.now())
    assert planned(services, schedule_id) == ["scheduled"]


@pytest.mark.parametrize("_again", range(5))
def test_an_edit_that_meets_the_creator_leaves_one_trigger_of_the_new_definition(
    services: Services, clock: SetClock, _again: int
) -> None:
    schedule_id = new_logger_schedule(services)
    user_id = owner(services, schedule_id)
    plan(services, clock.now())
    now = clock.forward(15)
    edit = Draft({"schedule_value": "3600"})
    at_once(lambda: dispatch(services, now), lambda: change_schedule(services, user_id, schedule_id, edit))
    plan(services, clock.now())
    (trigger,) = [trigger for trigger in the_triggers(services, schedule_id) if trigger.status in PLANNED]
    assert (trigger.status, trigger.schedule_version) == ("scheduled", 2)


def test_changes_that_wait_for_each_other_both_happen(services: Services) -> None:
    schedule_id = new_logger_schedule(services)
    user_id = owner(services, schedule_id)
    edits = [Draft({"schedule_value": str(value)}) for value in range(20, 26)]
    at_once(*(lambda edit=edit: change_schedule(services, user_id, schedule_id, edit) for edit in edits))
    assert get_schedule(services, user_id, schedule_id).version == 7


def test_a_created_schedule_is_planned_and_its_next_run_is_told(services: Services, clock: SetClock) -> None:
    user_id = new_user(services)
    action_id = new_action(services, user_id)
    fields = {"name": "s", "schedule_type": "recurring", "schedule_value": "7", "schedule_unit": "second"}
    created = create_schedule(services, user_id, Draft({**fields, "action_id": action_id}))
    assert created.schedule_status is ScheduleStatus.PENDING
    plan(services, clock.forward(1))
    found = get_schedule(services, user_id, created.id)
    assert found.schedule_status is ScheduleStatus.PROCESSING
    assert found.next_run_at is not None
    assert (found.next_run_at - found.timing.anchor).total_seconds() % 7 == 0


def test_an_edit_to_a_fixed_past_is_refused_but_a_pause_is_not(services: Services) -> None:
    past = {"schedule_type": "absolute", "schedule_unit": None, "schedule_value": "2020-01-01T00:00:00Z"}
    schedule_id = new_logger_schedule(services, **past, schedule_status="processed")
    user_id = owner(services, schedule_id)
    with pytest.raises(Invalid, match="past"):
        change_schedule(services, user_id, schedule_id, Draft({"schedule_value": "2019-01-01T00:00:00Z"}))
    paused = change_schedule(services, user_id, schedule_id, Draft({"schedule_status": Wish.PAUSE}))
    assert paused.schedule_status is ScheduleStatus.INACTIVE


def test_anothers_schedule_is_not_there(services: Services) -> None:
    schedule_id = new_logger_schedule(services)
    other = new_user(services, "other")
    for verb in (get_schedule, pause_schedule, resume_schedule, delete_schedule):
        with pytest.raises(NotFound):
            verb(services, other, schedule_id)
    assert the_schedule(services, schedule_id).schedule_status == "pending"
