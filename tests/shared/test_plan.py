"""Pending schedules get their first trigger, exactly once, and nothing that is wrong with one stops another."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.plan import plan
from shared.services import Services
from tests.fakes import SetClock
from tests.world import (
    due_times,
    new_logger_schedule,
    set_schedule,
    set_trigger,
    the_schedule,
    the_triggers,
)


def test_a_recurring_schedule_is_due_one_interval_after_its_creation(services: Services) -> None:
    schedule = new_logger_schedule(services)
    plan(services, services.clock.now())
    row = the_schedule(services, schedule)
    assert row.schedule_status == "processing"
    assert due_times(services, schedule) == [row.anchor + timedelta(seconds=10)]


def test_a_chosen_start_is_the_first_due_time(services: Services, clock: SetClock) -> None:
    start = clock.now().replace(microsecond=0) + timedelta(minutes=5)
    schedule = new_logger_schedule(services, starts_at=start, anchor=start)
    plan(services, clock.now())
    assert due_times(services, schedule) == [start]


def test_occurrences_count_from_activation_when_the_creator_comes_late(services: Services, clock: SetClock) -> None:
    schedule = new_logger_schedule(services)
    plan(services, clock.forward(3600))
    assert due_times(services, schedule) == [the_schedule(services, schedule).anchor + timedelta(seconds=10)]


def test_a_cron_schedule_is_due_at_its_wall_clock_time_in_its_zone(services: Services) -> None:
    since = datetime(2026, 3, 28, 12, tzinfo=UTC)
    schedule = new_logger_schedule(
        services, schedule_value="30 2 * * *", schedule_unit="cron", timezone="Europe/Berlin", active_since=since
    )
    plan(services, services.clock.now())
    assert due_times(services, schedule) == [datetime(2026, 3, 29, 1, 0, tzinfo=UTC)]


@pytest.mark.parametrize(
    "fields",
    [
        {"schedule_value": "0 0 31 2 *", "schedule_unit": "cron"},
        {"ends_at": datetime(2020, 1, 1, tzinfo=UTC)},
        {"max_runs": 3, "runs": 3},
        {"schedule_type": "absolute", "schedule_value": "2020-01-01T00:00:00Z", "schedule_unit": None},
    ],
)
def test_a_schedule_that_never_fires_again_is_processed_at_once(services: Services, fields: dict[str, object]) -> None:
    schedule = new_logger_schedule(services, **fields)
    plan(services, services.clock.now())
    assert the_schedule(services, schedule).schedule_status == "processed"
    assert the_triggers(services, schedule) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"schedule_value": "every now and then"},
        {"schedule_value": "99 * * * *", "schedule_unit": "cron"},
        {"schedule_value": "* * * * *", "schedule_unit": "cron", "timezone": "Mars/Olympus"},
        {"schedule_type": "absolute", "schedule_value": "tomorrow", "schedule_unit": None},
    ],
)
def test_an_unreadable_schedule_is_switched_off_and_the_others_go_on(
    services: Services, fields: dict[str, object]
) -> None:
    bad = new_logger_schedule(services, **fields)
    good = new_logger_schedule(services)
    plan(services, services.clock.now())
    assert the_schedule(services, bad).schedule_status == "inactive"
    assert the_schedule(services, bad).status_note.startswith("Switched off: ")
    assert len(the_triggers(services, good)) == 1


def test_planning_again_after_a_cancellation_revives_the_same_occurrence(services: Services) -> None:
    schedule = new_logger_schedule(services)
    now = services.clock.now()
    plan(services, now)
    (trigger,) = the_triggers(services, schedule)
    set_trigger(services, trigger.id, status="cancelled", finished_at=now, reason="paused")
    set_schedule(services, schedule, schedule_status="pending")
    plan(services, now)
    (revived,) = the_triggers(services, schedule)
    assert (revived.id, revived.status, revived.reason, revived.finished_at) == (trigger.id, "scheduled", None, None)


def test_a_due_time_that_was_decided_is_never_decided_again(services: Services) -> None:
    schedule = new_logger_schedule(services)
    now = services.clock.now()
    plan(services, now)
    (trigger,) = the_triggers(services, schedule)
    set_trigger(services, trigger.id, status="completed", finished_at=now)
    set_schedule(services, schedule, schedule_status="pending")
    plan(services, now)
    plan(services, now)
    done, following = the_triggers(services, schedule)
    assert (done.status, following.status) == ("completed", "scheduled")
    assert following.due_at - done.due_at == timedelta(seconds=10)


def test_a_relative_schedule_that_still_runs_gets_no_second_chain(services: Services) -> None:
    schedule = new_logger_schedule(services, schedule_type="relative")
    now = services.clock.now()
    plan(services, now)
    (trigger,) = the_triggers(services, schedule)
    set_trigger(services, trigger.id, status="executing", attempt=1, lease_until=now)
    set_schedule(services, schedule, schedule_status="pending")
    plan(services, now)
    assert len(the_triggers(services, schedule)) == 1
    assert the_schedule(services, schedule).schedule_status == "processing"
