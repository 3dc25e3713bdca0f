"""What calendars exclude is written down when it is due, and the timetable goes on."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.calendars import CalendarId
from shared.dispatch import dispatch
from shared.execute import execute
from shared.manage.calendars import change_calendar, create_calendar
from shared.manage.draft import Draft
from shared.manage.schedules import change_schedule, delete_schedule, get_schedule
from shared.plan import plan
from shared.schedule import ScheduleId
from shared.services import Services
from shared.user import UserId
from tests.fakes import RecordedQueue, SetClock
from tests.world import new_logger_schedule, the_schedule, the_triggers

# A Friday.
NOW = datetime(2026, 12, 18, 8, 0, tzinfo=UTC)
DAILY = {"schedule_value": "0 9 * * *", "schedule_unit": "cron", "active_since": NOW, "anchor": NOW}


@pytest.fixture
def clock() -> SetClock:
    """Before the weekend."""
    return SetClock(NOW)


def closed(services: Services, schedule_id: ScheduleId, **definition: object) -> CalendarId:
    """A calendar that the schedule heeds."""
    owner = UserId(the_schedule(services, schedule_id).user_id)
    calendar = create_calendar(services, owner, Draft({"name": "Holidays", **definition}))
    change_schedule(services, owner, schedule_id, Draft({"calendar_ids": [calendar.id]}))
    with services.database.begin() as connection:
        connection.exec_driver_sql(f"UPDATE schedules SET active_since = anchor WHERE id = {schedule_id}")
    plan(services, NOW)
    return calendar.id


def days(services: Services, schedule_id: ScheduleId) -> list[tuple[int, str]]:
    return [(row.due_at.day, row.status) for row in the_triggers(services, schedule_id)]


WEEKEND = {"weekly": [{"days": ["sat", "sun"]}]}


def live(services: Services, clock: SetClock, until: datetime) -> None:
    """Tick each hour, on the hour."""
    while clock.now() < until:
        clock.forward(3600)
        while dispatch(services, clock.now()).more:
            pass
        plan(services, clock.now())


def test_an_excluded_day_is_skipped_with_the_calendars_name(services: Services, clock: SetClock) -> None:
    schedule = new_logger_schedule(services, **DAILY)
    closed(services, schedule, **WEEKEND)
    live(services, clock, NOW + timedelta(days=3, hours=2))
    assert days(services, schedule) == [
        *((18, "queued"), (19, "skipped"), (20, "skipped"), (21, "queued"), (22, "scheduled"))
    ]
    reasons = {row.reason for row in the_triggers(services, schedule) if row.status == "skipped"}
    assert reasons == {"Excluded by the calendar Holidays."}


def test_an_excluded_occurrence_moves_to_the_day_it_should(services: Services, clock: SetClock) -> None:
    schedule = new_logger_schedule(services, **{**DAILY, "schedule_value": "0 9 * * sat"}, shift="previous")
    closed(services, schedule, **WEEKEND)
    live(services, clock, NOW + timedelta(days=2))
    assert days(services, schedule) == [(18, "queued"), (19, "skipped"), (25, "scheduled")]
    assert "moved to 2026-12-18T09:00:00Z" in the_triggers(services, schedule)[1].reason


def test_what_is_skipped_is_no_run(services: Services, clock: SetClock) -> None:
    schedule = new_logger_schedule(services, **DAILY, max_runs=2)
    closed(services, schedule, **WEEKEND)
    live(services, clock, NOW + timedelta(days=6))
    assert days(services, schedule) == [(18, "queued"), (19, "skipped"), (20, "skipped"), (21, "queued")]


def test_the_next_run_that_is_shown_is_the_next_open_one(services: Services, clock: SetClock) -> None:
    schedule = new_logger_schedule(services, **DAILY)
    closed(services, schedule, **WEEKEND)
    live(services, clock, NOW + timedelta(hours=2))
    owner = UserId(the_schedule(services, schedule).user_id)
    assert days(services, schedule)[-1] == (19, "scheduled")
    assert get_schedule(services, owner, schedule).next_run_at == datetime(2026, 12, 21, 9, tzinfo=UTC)


def test_an_outage_over_an_exclusion_is_accounted_for(services: Services, clock: SetClock) -> None:
    schedule = new_logger_schedule(services, schedule_value="10", schedule_unit="minute", anchor=NOW, active_since=NOW)
    closed(services, schedule, **WEEKEND)
    clock.instant = NOW + timedelta(days=3)
    while dispatch(services, clock.now()).more:
        pass
    rows = the_triggers(services, schedule)
    assert [row.due_at for row in rows] == [NOW + timedelta(minutes=10) * k for k in range(1, 3 * 144 + 2)]
    weekend = [row for row in rows if row.due_at.isoweekday() in (6, 7)]
    assert {row.reason for row in weekend} == {"Excluded by the calendar Holidays."}
    assert {row.reason[:6] for row in rows if row.status == "skipped"} == {"Missed", "Exclud"}
    assert [row.status for row in rows[-2:]] == ["queued", "scheduled"]


def test_a_single_instant_that_is_excluded_is_skipped_and_done(services: Services, clock: SetClock) -> None:
    once = {"schedule_type": "absolute", "schedule_value": "2026-12-19T09:00:00Z", "schedule_unit": None}
    schedule = new_logger_schedule(services, **once, anchor=NOW)
    closed(services, schedule, **WEEKEND)
    live(services, clock, NOW + timedelta(days=2))
    assert days(services, schedule) == [(19, "skipped")]
    assert the_schedule(services, schedule).schedule_status == "processed"


def test_a_relative_schedule_waits_for_the_end_of_the_exclusion(
    services: Services, clock: SetClock, queue: RecordedQueue
) -> None:
    hourly = {"schedule_type": "relative", "schedule_value": "12", "schedule_unit": "hour", "anchor": NOW}
    schedule = new_logger_schedule(services, **hourly)
    closed(services, schedule, **WEEKEND)
    live(services, clock, NOW + timedelta(hours=12))
    execute(services, queue.packs[-1], lasts_until=1e18)
    assert [(row.due_at, row.status) for row in the_triggers(services, schedule)] == [
        (NOW + timedelta(hours=12), "completed"),
        (datetime(2026, 12, 21, tzinfo=UTC), "scheduled"),
    ]


def test_a_relative_schedule_heeds_an_exclusion_that_came_later(services: Services, clock: SetClock) -> None:
    delay = {"schedule_type": "relative", "schedule_value": "30", "schedule_unit": "hour", "anchor": NOW}
    schedule = new_logger_schedule(services, **delay)
    calendar = closed(services, schedule)
    owner = UserId(the_schedule(services, schedule).user_id)
    change_calendar(services, owner, calendar, Draft(WEEKEND))
    live(services, clock, NOW + timedelta(hours=31))
    assert [(row.due_at, row.status) for row in the_triggers(services, schedule)] == [
        (NOW + timedelta(hours=30), "skipped"),
        (datetime(2026, 12, 21, tzinfo=UTC), "scheduled"),
    ]


def test_an_edit_of_a_calendar_plans_its_schedules_anew(services: Services, clock: SetClock) -> None:
    schedule = new_logger_schedule(services, **{**DAILY, "schedule_value": "0 9 * * sat"}, shift="next")
    calendar = closed(services, schedule)
    owner = UserId(the_schedule(services, schedule).user_id)
    assert days(services, schedule) == [(19, "scheduled")]
    clock.instant = NOW + timedelta(days=2, hours=4)
    dispatch(services, clock.now())
    change_calendar(services, owner, calendar, Draft(WEEKEND))
    assert the_schedule(services, schedule).schedule_status == "pending"
    assert days(services, schedule) == [(19, "queued"), (26, "cancelled")]
    plan(services, clock.now())
    assert the_schedule(services, schedule).schedule_status == "processing"
    # Planned from the database's time on, which is not this clock's.
    assert sum(status == "scheduled" for _, status in days(services, schedule)) == 1


def test_an_edit_of_a_calendar_loses_nothing_that_is_due(services: Services, clock: SetClock) -> None:
    past = datetime(2020, 1, 1, tzinfo=UTC)
    schedule = new_logger_schedule(services, schedule_value="1", schedule_unit="day", anchor=past, active_since=past)
    calendar = closed(services, schedule)
    owner = UserId(the_schedule(services, schedule).user_id)
    (before,) = the_triggers(services, schedule)
    change_calendar(services, owner, calendar, Draft(WEEKEND))
    plan(services, clock.now())
    (after,) = the_triggers(services, schedule)
    assert (after.id, after.due_at, after.status) == (before.id, before.due_at, "scheduled")


def test_a_new_name_replans_nothing(services: Services) -> None:
    schedule = new_logger_schedule(services, **DAILY)
    calendar = closed(services, schedule)
    owner = UserId(the_schedule(services, schedule).user_id)
    change_calendar(services, owner, calendar, Draft({"name": "Other"}))
    assert the_schedule(services, schedule).schedule_status == "processing"


def test_a_deleted_schedule_lets_go_of_its_calendars(services: Services) -> None:
    schedule = new_logger_schedule(services, **DAILY)
    closed(services, schedule)
    owner = UserId(the_schedule(services, schedule).user_id)
    delete_schedule(services, owner, schedule)
    with services.database.begin() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM schedule_calendars").scalar_one() == 0
