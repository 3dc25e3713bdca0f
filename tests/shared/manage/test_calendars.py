"""Edits of calendars while the creator and other edits are at work on the schedules that use them."""

from datetime import UTC, datetime

import pytest

from shared.calendars import CalendarId
from shared.dispatch import dispatch
from shared.errors import Conflict, Invalid, NotFound
from shared.manage.calendars import change_calendar, create_calendar, delete_calendar, get_calendar
from shared.manage.draft import Draft
from shared.manage.schedules import change_schedule, get_schedule
from shared.plan import plan
from shared.services import Services
from shared.user import UserId
from tests.fakes import SetClock
from tests.shared.manage.test_schedules import at_once, owner, planned
from tests.world import new_logger_schedule, new_user, the_schedule, the_triggers

ALWAYS = {"weekly": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}]}


def calendar_of(services: Services, user_id: UserId) -> CalendarId:
    return create_calendar(services, user_id, Draft({"name": "Closed"})).id


@pytest.mark.parametrize("_again", range(5))
def test_an_edit_that_meets_the_creator_leaves_one_planned_trigger(
    services: Services, clock: SetClock, _again: int
) -> None:
    schedule_id = new_logger_schedule(services)
    user_id = owner(services, schedule_id)
    calendar = calendar_of(services, user_id)
    change_schedule(services, user_id, schedule_id, Draft({"calendar_ids": [calendar]}))
    plan(services, clock.now())
    now = clock.forward(15)
    edit = lambda: change_calendar(services, user_id, calendar, Draft(ALWAYS))  # noqa: E731
    at_once(lambda: dispatch(services, now), edit, lambda: plan(services, now))
    for _ in range(3):
        plan(services, clock.now())
    assert planned(services, schedule_id).count("scheduled") == 1
    decided = [row for row in the_triggers(services, schedule_id) if row.due_at <= now]
    assert len(decided) == 1


@pytest.mark.parametrize("_again", range(5))
def test_edits_of_calendar_and_schedule_do_not_wait_for_each_other_in_a_ring(services: Services, _again: int) -> None:
    schedule_id = new_logger_schedule(services)
    user_id = owner(services, schedule_id)
    calendar = calendar_of(services, user_id)
    heed, ignore = Draft({"calendar_ids": [calendar]}), Draft({"calendar_ids": []})
    at_once(
        lambda: change_schedule(services, user_id, schedule_id, heed),
        lambda: change_calendar(services, user_id, calendar, Draft(ALWAYS)),
        lambda: change_schedule(services, user_id, schedule_id, ignore),
        lambda: change_calendar(services, user_id, calendar, Draft({"weekly": []})),
    )
    change_schedule(services, user_id, schedule_id, heed)
    assert get_schedule(services, user_id, schedule_id).calendar_ids == (calendar,)


def test_a_paused_schedule_stays_paused(services: Services) -> None:
    schedule_id = new_logger_schedule(services, schedule_status="inactive")
    user_id = owner(services, schedule_id)
    calendar = calendar_of(services, user_id)
    change_schedule(services, user_id, schedule_id, Draft({"calendar_ids": [calendar]}))
    change_calendar(services, user_id, calendar, Draft(ALWAYS))
    assert the_schedule(services, schedule_id).schedule_status == "inactive"


def test_anothers_calendar_is_not_there(services: Services) -> None:
    schedule_id = new_logger_schedule(services)
    user_id, other = owner(services, schedule_id), new_user(services, "other")
    calendar = calendar_of(services, user_id)
    for verb in (get_calendar, delete_calendar):
        with pytest.raises(NotFound):
            verb(services, other, calendar)
    with pytest.raises(NotFound):
        change_calendar(services, other, calendar, Draft(ALWAYS))
    mine = new_logger_schedule(services)
    with pytest.raises(Invalid, match="no such calendar"):
        change_schedule(services, owner(services, mine), mine, Draft({"calendar_ids": [calendar]}))


def test_the_database_itself_ties_calendars_to_their_owners_schedules(services: Services) -> None:
    mine, theirs = new_logger_schedule(services), new_logger_schedule(services)
    calendar = calendar_of(services, owner(services, theirs))
    sql = f"INSERT INTO schedule_calendars VALUES ({owner(services, mine)}, {mine}, {calendar})"
    with pytest.raises(Conflict), services.database.begin() as connection:
        connection.exec_driver_sql(sql)


def test_days_that_passed_long_ago_may_be_in_a_calendar(services: Services) -> None:
    user_id = new_user(services)
    made = create_calendar(services, user_id, Draft({"name": "old", "dates": ["1999-12-31"]}))
    assert made.expanded_until > datetime(2030, 1, 1, tzinfo=UTC)
