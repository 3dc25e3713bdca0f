"""Due triggers are queued once, their successors stand at once, and time that was missed is accounted for."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.create import create, take_over
from shared.dispatch import Dispatched, dispatch
from shared.plan import plan
from shared.recover import recover
from shared.schedule import ScheduleId
from shared.services import Services
from shared.store.engine import Database
from tests.fakes import RecordedQueue, SetClock
from tests.world import (
    ENTERPRISE,
    due_times,
    give_plan,
    new_action,
    new_logger_schedule,
    new_schedule,
    new_user,
    set_schedule,
    set_trigger,
    the_schedule,
    the_triggers,
)

pytestmark = pytest.mark.usefixtures("sound")


def planned(services: Services, **fields: object) -> ScheduleId:
    schedule = new_logger_schedule(services, **fields)
    plan(services, services.clock.now())
    return schedule


def statuses(services: Services, schedule: ScheduleId) -> list[str]:
    return [trigger.hold or trigger.status for trigger in the_triggers(services, schedule)]


def test_nothing_is_dispatched_before_it_is_due(services: Services, queue: RecordedQueue, clock: SetClock) -> None:
    schedule = planned(services)
    due = due_times(services, schedule)[0]
    dispatch(services, due - timedelta(microseconds=1))
    assert queue.packs == []
    dispatch(services, due)
    assert len(queue.packs) == 1


def test_the_next_trigger_is_counted_from_the_planned_time(services: Services, queue: RecordedQueue) -> None:
    schedule = planned(services)
    first = due_times(services, schedule)[0]
    dispatch(services, first + timedelta(seconds=7))
    assert due_times(services, schedule) == [first, first + timedelta(seconds=10)]
    assert statuses(services, schedule) == ["queued", "scheduled"]
    assert queue.packs == [(the_triggers(services, schedule)[0].id,)]


def test_an_absolute_schedule_fires_once_ever(services: Services, queue: RecordedQueue, clock: SetClock) -> None:
    instant = clock.now().replace(microsecond=0) + timedelta(seconds=30)
    schedule = planned(services, schedule_type="absolute", schedule_value=instant.isoformat(), schedule_unit=None)
    dispatch(services, instant)
    done = {"status": "completed", "attempt": 1, "started_at": instant, "finished_at": instant}
    set_trigger(services, the_triggers(services, schedule)[0].id, **done)
    plan(services, instant)
    assert the_schedule(services, schedule).schedule_status == "processed"
    set_schedule(services, schedule, schedule_status="pending", active_since=instant)
    for _ in range(3):
        plan(services, instant)
        dispatch(services, instant)
    assert statuses(services, schedule) == ["completed"]
    assert len(queue.packs) == 1


def test_max_runs_bounds_the_number_of_occurrences(services: Services, queue: RecordedQueue, clock: SetClock) -> None:
    schedule = planned(services, max_runs=2)
    for _ in range(5):
        dispatch(services, clock.forward(10))
    assert statuses(services, schedule) == ["queued", "queued"]
    assert len(queue.packs) == 2


def test_ends_at_ends_the_timetable(services: Services, clock: SetClock) -> None:
    end = clock.now().replace(microsecond=0) + timedelta(seconds=20)
    schedule = planned(services, ends_at=end)
    for _ in range(5):
        dispatch(services, clock.forward(10))
    assert due_times(services, schedule) == [end - timedelta(seconds=10), end]


def test_short_outages_lose_nothing(services: Services, queue: RecordedQueue, clock: SetClock) -> None:
    schedule = planned(services)
    clock.forward(60.5)
    while dispatch(services, clock.now()).more:
        pass
    assert statuses(services, schedule) == ["queued"] * 4 + ["limit"] * 2 + ["scheduled"]


def test_a_long_outage_is_accounted_for_and_only_its_last_minutes_run(services: Services, clock: SetClock) -> None:
    schedule = planned(services)
    anchor = the_schedule(services, schedule).anchor
    clock.instant = anchor + timedelta(hours=6)
    while dispatch(services, clock.now()).more:
        pass
    rows = the_triggers(services, schedule)
    assert [row.due_at for row in rows] == [anchor + timedelta(seconds=10 * k) for k in range(1, 2162)]
    skipped = [row for row in rows if row.status == "skipped"]
    assert len(skipped) == 2160 - 31
    assert all("Missed" in row.reason for row in skipped)
    runs = [row.hold or row.status for row in rows[len(skipped) :]]
    assert runs == ["queued"] * 4 + ["limit"] * 27 + ["scheduled"]


def test_a_daily_occurrence_that_was_missed_by_hours_still_runs(services: Services, clock: SetClock) -> None:
    schedule = planned(services, schedule_value="1", schedule_unit="day")
    dispatch(services, clock.forward(86400 + 5 * 3600))
    assert statuses(services, schedule) == ["queued", "scheduled"]


def test_messages_lost_before_sending_are_sent_by_recovery(
    services: Services, queue: RecordedQueue, clock: SetClock
) -> None:
    schedule = planned(services)
    queue.away = True
    dispatch(services, clock.forward(10))
    assert statuses(services, schedule)[0] == "queued"
    queue.away = False
    recover(services, clock.forward(5))
    assert queue.packs == [(the_triggers(services, schedule)[0].id,)]
    recover(services, clock.forward(5))
    assert len(queue.packs) == 1


def test_each_sending_waits_longer_than_the_one_before(
    services: Services, queue: RecordedQueue, clock: SetClock
) -> None:
    schedule = planned(services)
    dispatch(services, clock.forward(10))
    waits = []
    for _ in range(8):
        trigger = the_triggers(services, schedule)[0]
        waits.append((trigger.resend_at - clock.now()).total_seconds())
        clock.instant = trigger.resend_at
        recover(services, clock.now())
    assert waits == [20, 40, 80, 160, 320, 600, 600, 600]


def test_two_creators_at_once_decide_every_trigger_once(
    services: Services, database: Database, queue: RecordedQueue, clock: SetClock
) -> None:
    first = new_logger_schedule(services)
    row = the_schedule(services, first)
    give_plan(services, row.user_id, ENTERPRISE)
    ids = [first] + [new_schedule(services, row.user_id, row.action_id) for _ in range(60)]
    plan(services, clock.now())
    clock.forward(10)
    other = replace(services, queue=RecordedQueue(), database=database)
    threads = [threading.Thread(target=dispatch, args=(each, clock.now())) for each in (services, other) * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert isinstance(other.queue, RecordedQueue)
    sent = [trigger for pack in queue.packs + other.queue.packs for trigger in pack]
    assert len(sent) == len(set(sent)) == len(ids)
    assert all(statuses(services, schedule) == ["queued", "scheduled"] for schedule in ids)


def test_a_schedule_held_by_an_edit_is_left_for_the_next_tick(
    services: Services, database: Database, clock: SetClock
) -> None:
    schedule = planned(services)
    clock.forward(10)
    with database.begin() as connection:
        connection.exec_driver_sql(f"SELECT 1 FROM schedules WHERE id = {schedule} FOR NO KEY UPDATE")
        assert dispatch(services, clock.now()).queued == 0
    assert dispatch(services, clock.now()).queued == 1


def test_an_unreadable_schedule_is_switched_off_and_its_occurrence_says_why(
    services: Services, queue: RecordedQueue, clock: SetClock
) -> None:
    bad, good = planned(services), planned(services)
    set_schedule(services, bad, schedule_value="nonsense")
    dispatch(services, clock.forward(12))
    assert statuses(services, bad) == ["skipped"]
    assert "nonsense" in the_triggers(services, bad)[0].reason
    assert the_schedule(services, bad).schedule_status == "inactive"
    assert statuses(services, good) == ["queued", "scheduled"]


def test_an_edited_timetable_may_return_to_a_cancelled_due_time(services: Services) -> None:
    since = datetime(2030, 1, 1, tzinfo=UTC)
    cron = {"schedule_unit": "cron", "active_since": since, "schedule_status": "pending"}
    schedule = planned(services, schedule_value="0 9 * * *", **cron)
    (nine,) = the_triggers(services, schedule)
    set_trigger(services, nine.id, status="cancelled", finished_at=since)
    set_schedule(services, schedule, schedule_value="0 8,9 * * *", **cron)
    plan(services, since)
    dispatch(services, datetime(2030, 1, 1, 8, tzinfo=UTC))
    assert [(row.due_at.hour, row.status) for row in the_triggers(services, schedule)] == [
        (8, "queued"),
        (9, "scheduled"),
    ]


def test_what_becomes_due_during_a_long_tick_does_not_wait_for_its_end(
    services: Services, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = new_user(services)
    action = new_action(services, owner)
    flood = [new_schedule(services, owner, action, name=f"s{number}") for number in range(3)]
    later = new_schedule(services, owner, action, schedule_value="11")
    plan(services, clock.now())
    now = clock.forward(10)
    monkeypatch.setattr("shared.dispatch.BATCH", 1)

    def slowly(services: Services, now: datetime) -> Dispatched:
        dispatched = dispatch(services, now)
        clock.forward(0.5)
        return dispatched

    monkeypatch.setattr("shared.create.dispatch", slowly)
    create(services, now, take_over(services, now))
    assert [statuses(services, schedule)[0] for schedule in (*flood, later)] == ["queued"] * 4
