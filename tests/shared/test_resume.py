"""Pauses that end by themselves: exactly as if their user had resumed the schedule at that instant."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from shared.create import create, take_over
from shared.failpoints import Injected, arm
from shared.manage import quotas
from shared.manage.draft import Draft
from shared.manage.schedules import (
    change_schedule,
    delete_schedule,
    get_schedule,
    pause_schedule,
    resume_schedule,
)
from shared.plan import plan
from shared.resume import BATCH, resume
from shared.schedule import ScheduleId, ScheduleStatus
from shared.services import Services
from shared.store.engine import Database
from shared.user import UserId
from tests.fakes import SetClock
from tests.shared.manage.test_schedules import at_once, owner
from tests.world import (
    ENTERPRISE,
    STARTER,
    give_plan,
    new_action,
    new_logger_schedule,
    new_schedule,
    new_user,
    set_schedule,
    the_schedule,
    the_triggers,
)
from tests.world import due_times as dues

pytestmark = pytest.mark.usefixtures("sound")


@pytest.fixture
def until(clock: SetClock) -> datetime:
    """When pauses are over: in a minute and a bit, which is no whole second."""
    return clock.now().replace(microsecond=0) + timedelta(seconds=63, milliseconds=500)


def paused(services: Services, until: datetime, **fields: object) -> ScheduleId:
    """A planned schedule whose user has paused it until an instant."""
    schedule_id = new_logger_schedule(services, **fields)
    plan(services, services.clock.now())
    said = Draft({"pause_note": "the printer is on fire", "resume_at": until})
    pause_schedule(services, owner(services, schedule_id), schedule_id, said)
    return schedule_id


def status(services: Services, schedule_id: ScheduleId) -> str:
    return str(the_schedule(services, schedule_id).schedule_status)


def test_a_pause_holds_until_its_end_and_not_longer(services: Services, clock: SetClock, until: datetime) -> None:
    schedule_id = paused(services, until)
    clock.instant = until - timedelta(microseconds=1)
    assert resume(services, clock.now()).resumed == 0
    assert status(services, schedule_id) == "inactive"
    clock.instant = until
    assert resume(services, clock.now()).resumed == 1
    row = the_schedule(services, schedule_id)
    assert (row.schedule_status, row.active_since, row.updated_at) == ("pending", until, until)
    assert (row.pause_note, row.resume_at, row.status_note) == (None, None, None)
    assert resume(services, clock.now()) == resume(services, clock.forward(60))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"schedule_type": "relative"},
        {"schedule_type": "absolute", "schedule_unit": None, "schedule_value": "+90"},
        {"schedule_type": "absolute", "schedule_unit": None, "schedule_value": "+2"},
        {"schedule_value": "*/7 * * * * *", "schedule_unit": "cron", "max_runs": 3},
    ],
    ids=["recurring", "relative", "absolute and to come", "absolute and past", "cron"],
)
def test_what_goes_on_by_itself_is_planned_as_what_was_resumed_by_hand_then(
    services: Services, clock: SetClock, until: datetime, fields: dict[str, object]
) -> None:
    """However late the creator is: the one that nobody resumes by hand is seen half a minute later."""
    if str(fields.get("schedule_value", "")).startswith("+"):
        at = clock.now().replace(microsecond=0) + timedelta(seconds=int(str(fields["schedule_value"])))
        fields = {**fields, "schedule_value": at.isoformat()}
    by_itself = paused(services, until, **fields)
    by_hand = paused(services, until + timedelta(days=1), **fields)
    clock.instant = until
    resume_schedule(services, owner(services, by_hand), by_hand)
    later = clock.forward(30)
    assert resume(services, later).resumed == 1
    plan(services, later)
    one, other = (the_schedule(services, schedule_id) for schedule_id in (by_itself, by_hand))
    for name in ("schedule_status", "active_since", "exhausted", "version", "runs", "pause_note", "resume_at"):
        assert getattr(one, name) == getattr(other, name), name
    assert dues(services, by_itself) == dues(services, by_hand)
    assert [each.status for each in the_triggers(services, by_itself)] == [
        each.status for each in the_triggers(services, by_hand)
    ]


def test_a_tick_resumes_plans_and_sends_in_one_go(services: Services, clock: SetClock) -> None:
    now = clock.instant = clock.now().replace(microsecond=0)
    schedule_id = paused(services, now + timedelta(seconds=15))
    epoch = take_over(services, now)
    clock.forward(15)
    ticked = create(services, clock.now(), epoch)
    assert (ticked.resumed, ticked.planned) == (1, 1)
    clock.forward(5)
    assert create(services, clock.now(), epoch).dispatched == 1
    assert status(services, schedule_id) == "processing"


def an_edit(services: Services, user_id: UserId, schedule_id: ScheduleId) -> None:
    change_schedule(services, user_id, schedule_id, Draft({"schedule_value": "20"}))


def another_pause(services: Services, user_id: UserId, schedule_id: ScheduleId) -> None:
    pause_schedule(services, user_id, schedule_id, Draft({"resume_at": None}))


@pytest.mark.parametrize("change", [an_edit, another_pause, delete_schedule])
def test_whoever_changes_what_is_paused_has_the_last_word(
    services: Services, clock: SetClock, until: datetime, change: Callable[[Services, UserId, ScheduleId], None]
) -> None:
    schedule_id = paused(services, until)
    change(services, owner(services, schedule_id), schedule_id)
    clock.instant = until
    assert resume(services, clock.now()).resumed == 0
    assert status(services, schedule_id) == "inactive"


def test_another_name_and_another_end_leave_it_at_that(services: Services, clock: SetClock, until: datetime) -> None:
    schedule_id = paused(services, until)
    user_id = owner(services, schedule_id)
    change_schedule(services, user_id, schedule_id, Draft({"name": "another", "tags": ["x"], "priority": 9}))
    assert get_schedule(services, user_id, schedule_id).resume_at == until
    later = until + timedelta(minutes=1)
    pause_schedule(services, user_id, schedule_id, Draft({"resume_at": later}))
    pause_schedule(services, user_id, schedule_id)
    clock.instant = until
    assert resume(services, clock.now()).resumed == 0
    clock.instant = later
    assert resume(services, clock.now()).resumed == 1


def test_resuming_by_hand_ends_the_pause_for_good(services: Services, clock: SetClock, until: datetime) -> None:
    schedule_id = paused(services, until)
    user_id = owner(services, schedule_id)
    resume_schedule(services, user_id, schedule_id)
    pause_schedule(services, user_id, schedule_id)
    found = get_schedule(services, user_id, schedule_id)
    assert (found.pause_note, found.resume_at) == (None, None)
    clock.instant = until
    assert resume(services, clock.now()).resumed == 0


@pytest.mark.parametrize("_again", range(3))
@pytest.mark.parametrize("change", [an_edit, another_pause, delete_schedule, resume_schedule])
def test_a_change_that_meets_the_creator_comes_before_it_or_after_it(
    services: Services,
    clock: SetClock,
    until: datetime,
    change: Callable[[Services, UserId, ScheduleId], object],
    _again: int,
) -> None:
    schedule_id = paused(services, until)
    user_id = owner(services, schedule_id)
    clock.instant = until
    at_once(
        lambda: resume(services, until),
        lambda: change(services, user_id, schedule_id),
        lambda: resume(services, until),
    )
    resume(services, until)
    plan(services, until)
    row = the_schedule(services, schedule_id)
    planned = [trigger for trigger in the_triggers(services, schedule_id) if trigger.status == "scheduled"]
    active = row.schedule_status == "processing"
    assert row.resume_at is None
    assert len(planned) == active
    if change in (another_pause, delete_schedule):
        assert not active
    elif change is resume_schedule:
        assert active
    for trigger in planned:
        assert trigger.schedule_version == row.version


def test_creators_side_by_side_resume_each_schedule_once(services: Services, clock: SetClock, until: datetime) -> None:
    user_id = new_user(services, "ada", ENTERPRISE)
    action_id = new_action(services, user_id)
    ids = [new_schedule(services, user_id, action_id, schedule_status="inactive", resume_at=until) for _ in range(20)]
    ids += [paused(services, until) for _ in range(5)]
    clock.instant = until
    counts: list[int] = []
    at_once(*(lambda: counts.append(resume(services, until).resumed) for _ in range(3)))
    counts.append(resume(services, until).resumed)
    assert sum(counts) == 25
    assert {status(services, schedule_id) for schedule_id in ids} == {"pending"}


def test_who_is_held_is_left_for_the_next_tick_and_holds_up_nobody(
    services: Services, clock: SetClock, until: datetime, database: Database
) -> None:
    mine, other = paused(services, until), paused(services, until)
    clock.instant = until
    with database.begin() as connection:
        quotas.hold(connection, owner(services, mine))
        assert resume(services, until).resumed == 1
        assert (status(services, mine), status(services, other)) == ("inactive", "pending")
    assert resume(services, until).resumed == 1
    assert status(services, mine) == "pending"


def test_more_than_a_batch_is_done_in_batches(services: Services, clock: SetClock, until: datetime) -> None:
    user_id = new_user(services, "ada", ENTERPRISE)
    action_id = new_action(services, user_id)
    with services.database.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO schedules (user_id, action_id, name, schedule_type, schedule_value, schedule_unit,"
            " schedule_status, resume_at)"
            f" SELECT {user_id}, {action_id}, 'n', 'recurring', '1', 'day', 'inactive', '{until.isoformat()}'"
            f" FROM generate_series(1, {BATCH + 1})"
        )
    first, second = resume(services, until), resume(services, until)
    assert (first.resumed, first.more, second.resumed, second.more) == (BATCH, True, 1, False)


def test_what_the_plan_no_longer_allows_stays_paused_and_says_so(
    services: Services, clock: SetClock, until: datetime
) -> None:
    schedule_id = paused(services, until)
    user_id = owner(services, schedule_id)
    with services.database.begin() as connection:
        connection.exec_driver_sql(f"UPDATE plans SET max_schedules = 0 WHERE id = {STARTER}")
    clock.instant = until
    done = resume(services, until)
    assert (done.resumed, done.refused) == (0, 1)
    found = get_schedule(services, user_id, schedule_id)
    assert (found.schedule_status, found.resume_at) == (ScheduleStatus.INACTIVE, None)
    assert found.pause_note == "the printer is on fire"
    assert found.status_note == (
        f"It was to go on at {until:%Y-%m-%dT%H:%M:%SZ} and stays paused: the plan starter allows 0 schedules, and you"
        " have more: delete some before you resume others, or choose a plan that allows more (PUT /user/plan)"
    )
    give_plan(services, user_id, ENTERPRISE)
    assert resume(services, clock.forward(60)).refused == 0
    pause_schedule(services, user_id, schedule_id, Draft({"resume_at": clock.now() + timedelta(seconds=5)}))
    assert get_schedule(services, user_id, schedule_id).status_note is None
    assert resume(services, clock.forward(5)).resumed == 1


def test_what_comes_too_often_for_the_plan_stays_paused_alone(
    services: Services, clock: SetClock, until: datetime
) -> None:
    often, seldom = paused(services, until, schedule_value="1"), paused(services, until)
    unreadable = paused(services, until)
    set_schedule(services, unreadable, schedule_value="every now and then")
    with services.database.begin() as connection:
        connection.exec_driver_sql(f"UPDATE plans SET min_interval_seconds = 10 WHERE id = {STARTER}")
    clock.instant = until
    done = resume(services, until)
    assert (done.resumed, done.refused) == (2, 1)
    assert status(services, seldom) == "pending"
    assert "comes again after 1 seconds" in the_schedule(services, often).status_note
    plan(services, until)
    assert the_schedule(services, unreadable).status_note.startswith("Switched off: ")


@pytest.mark.parametrize("point", ["resume.locked", "resume.written", "resume.committed"])
def test_a_creator_that_dies_at_it_leaves_it_to_the_next(
    services: Services, clock: SetClock, until: datetime, point: str
) -> None:
    schedule_id = paused(services, until)
    clock.instant = until
    arm({point: "raise"})
    with pytest.raises(Injected):
        resume(services, until)
    resume(services, until)
    plan(services, until)
    assert status(services, schedule_id) == "processing"
