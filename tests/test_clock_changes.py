"""Schedules over a clock change, fired by the engine itself in fast time: what became of each occurrence, and when."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from time import monotonic

import pytest
from sqlalchemy import select

from functions import creator
from shared import preview, wiring
from shared.clock import BREATH
from shared.create import create, take_over
from shared.execute import execute
from shared.manage.calendars import create_calendar
from shared.manage.draft import Draft
from shared.manage.schedules import change_schedule
from shared.schedule import ScheduleId
from shared.services import Services
from shared.store import executing
from shared.store.tables import schedules
from shared.store.timings import timing as timing_of
from shared.user import UserId
from tests.fakes import RecordedQueue, SetClock
from tests.functions.lambda_context import Context
from tests.simulation import Simulation
from tests.world import new_logger_schedule, set_schedule, the_executions, the_schedule, the_triggers

SPRING = datetime(2027, 3, 27, 22, 0, tzinfo=UTC)  # in Berlin 02:00 becomes 03:00 at 01:00 UTC on the 28th
AUTUMN = datetime(2027, 10, 30, 21, 0, tzinfo=UTC)  # in Berlin 03:00 becomes 02:00 at 01:00 UTC on the 31st

HOUR = timedelta(hours=1)


@pytest.fixture
def simulation(services: Services, clock: SetClock, queue: RecordedQueue, sound: None) -> Simulation:
    """At the end every invariant holds."""
    return Simulation(services, clock, queue)


def fired(simulation: Simulation, schedule: ScheduleId) -> list[str]:
    """Each occurrence of a schedule that ended, by its due time in UTC, with its status unless completed."""
    ended = [trigger for trigger in the_triggers(simulation.services, schedule) if trigger.finished_at]
    how = {"completed": ""}
    return [f"{trigger.due_at:%d %H:%M}{how.get(trigger.status, ' ' + trigger.status)}" for trigger in ended]


def berlin(simulation: Simulation, expression: str, since: datetime) -> ScheduleId:
    simulation.clock.instant = since
    fields = {"schedule_value": expression, "schedule_unit": "cron", "timezone": "Europe/Berlin"}
    return new_logger_schedule(simulation.services, **fields)


def exclude_sundays(services: Services, *schedules_of_one: ScheduleId) -> None:
    """As their user would, with a calendar in Berlin."""
    for schedule in schedules_of_one:
        owner = UserId(the_schedule(services, schedule).user_id)
        sundays = {"name": "Sundays", "timezone": "Europe/Berlin", "weekly": [{"days": ["sun"]}]}
        calendar = create_calendar(services, owner, Draft(sundays))
        change_schedule(services, owner, schedule, Draft({"calendar_ids": [calendar.id]}))


def test_half_past_two_runs_once_right_after_the_gap_in_spring(simulation: Simulation) -> None:
    schedule = berlin(simulation, "30 2 * * *", SPRING - timedelta(days=1))
    simulation.run_until(SPRING + timedelta(days=2))
    assert fired(simulation, schedule) == ["27 01:30", "28 01:00", "29 00:30"]


def test_half_past_two_runs_once_in_the_fold_in_autumn(simulation: Simulation) -> None:
    schedule = berlin(simulation, "30 2 * * *", AUTUMN - timedelta(days=1))
    simulation.run_until(AUTUMN + timedelta(days=2))
    assert fired(simulation, schedule) == ["30 00:30", "31 00:30", "01 01:30"]


@pytest.mark.parametrize("since", [SPRING, AUTUMN], ids=["spring", "autumn"])
def test_every_quarter_of_an_hour_keeps_its_real_cadence_over_the_change(
    simulation: Simulation, since: datetime
) -> None:
    schedule = berlin(simulation, "*/15 * * * *", since)
    simulation.run_until(since + timedelta(hours=6))
    due = [trigger.due_at for trigger in the_triggers(simulation.services, schedule) if trigger.status == "completed"]
    assert due[0] == since + timedelta(minutes=15)
    assert due[-1] == since + timedelta(hours=6)
    assert {after - before for before, after in pairwise(due)} == {timedelta(minutes=15)}


@pytest.mark.parametrize(
    ("since", "midnights"),
    [(SPRING, ["27 23:00", "28 22:00", "29 22:00"]), (AUTUMN, ["30 22:00", "31 23:00", "01 23:00"])],
    ids=["23 hours", "25 hours"],
)
def test_midnight_comes_after_23_hours_in_spring_and_after_25_in_autumn(
    simulation: Simulation, since: datetime, midnights: list[str]
) -> None:
    schedule = berlin(simulation, "0 0 * * *", since)
    simulation.run_until(since + timedelta(days=2, hours=3))
    assert fired(simulation, schedule) == midnights


def test_an_hourly_interval_and_a_relative_one_know_nothing_of_the_change(simulation: Simulation) -> None:
    simulation.clock.instant = SPRING
    hour = {"schedule_value": "1", "schedule_unit": "hour", "timezone": "Europe/Berlin"}
    fixed = new_logger_schedule(simulation.services, **hour)
    relative = new_logger_schedule(simulation.services, schedule_type="relative", **hour)
    simulation.run_until(SPRING + timedelta(hours=5))
    hours = ["27 23:00", "28 00:00", "28 01:00", "28 02:00", "28 03:00"]
    assert fired(simulation, fixed) == hours
    assert fired(simulation, relative)[:1] == hours[:1]
    due = [trigger.due_at for trigger in the_triggers(simulation.services, relative)]
    gaps = [after - before for before, after in pairwise(due)]
    assert all(timedelta(hours=1) <= gap < timedelta(hours=1, minutes=1) for gap in gaps)


def test_each_fire_ran_its_job_and_says_when_by_the_simulated_time(simulation: Simulation) -> None:
    schedule = berlin(simulation, "30 2 * * *", SPRING)
    simulation.run_until(SPRING + timedelta(days=1))
    (trigger,) = [each for each in the_triggers(simulation.services, schedule) if each.finished_at]
    (execution,) = the_executions(simulation.services, trigger.id)
    assert execution.status == "completed"
    assert trigger.due_at <= trigger.queued_at <= trigger.started_at <= trigger.finished_at
    assert execution.started_at - trigger.due_at < timedelta(seconds=30)
    assert the_schedule(simulation.services, schedule).schedule_status == "processing"


def test_a_calendar_in_fast_time_skips_its_days_and_moves_what_it_should(simulation: Simulation) -> None:
    """Sunday the 28th is excluded, the day on which the clock goes forward."""
    simulation.clock.instant = SPRING
    nightly = {"schedule_value": "30 2 * * *", "schedule_unit": "cron", "timezone": "Europe/Berlin"}
    skipped = new_logger_schedule(simulation.services, **nightly)
    moved = new_logger_schedule(simulation.services, **nightly | {"schedule_value": "30 2 * * sun"}, shift="next")
    exclude_sundays(simulation.services, skipped, moved)
    simulation.run_until(SPRING + timedelta(days=3))
    assert fired(simulation, skipped) == ["28 01:00 skipped", "29 00:30", "30 00:30"]
    # 02:30 does not exist on the 28th: it is due when the gap ends, at 03:00, and keeps that time when it moves.
    assert fired(simulation, moved) == ["28 01:00 skipped", "29 01:00"]
    (reason, _) = (trigger.reason for trigger in the_triggers(simulation.services, moved) if trigger.finished_at)
    assert reason == "Excluded by the calendar Sundays; moved to 2027-03-29T01:00:00Z."


def test_jitter_in_fast_time_is_what_a_preview_says(simulation: Simulation) -> None:
    schedule = berlin(simulation, "0 */6 * * *", SPRING)
    set_schedule(simulation.services, schedule, jitter_seconds=3600)
    with simulation.services.database.begin() as connection:
        timing = timing_of(connection.execute(select(schedules).where(schedules.c.id == schedule)).one())
    shown = list(islice(preview.due_times(timing, SPRING), 8))
    simulation.run_until(shown[-1])
    assert fired(simulation, schedule) == [f"{due:%d %H:%M}" for due in shown]
    assert {due.minute for due in shown} != {0}


def test_a_relative_schedule_in_fast_time_waits_until_a_calendar_opens(simulation: Simulation) -> None:
    simulation.clock.instant = SPRING
    relative = {"schedule_type": "relative", "schedule_value": "5", "schedule_unit": "hour"}
    schedule = new_logger_schedule(simulation.services, **relative)
    exclude_sundays(simulation.services, schedule)
    simulation.run_until(SPRING + timedelta(days=2))
    # From 03:00 local time on the 28th to its end nothing runs; that is 22:00 UTC, in summer time.
    assert fired(simulation, schedule)[0] == "28 22:00"


@pytest.mark.parametrize("speed", [60.0, 600.0, 3600.0])
def test_a_fast_creator_gives_every_occurrence_its_own_trigger(
    services: Services, clock: SetClock, queue: RecordedQueue, monkeypatch: pytest.MonkeyPatch, speed: float
) -> None:
    monkeypatch.setattr(wiring, "services", lambda: services)
    clock.instant, clock.speed = SPRING, speed
    schedule = new_logger_schedule(services, schedule_value="10")
    ticks = 10
    creator.handler({"ticks": ticks}, Context())
    passed = clock.now() - SPRING
    assert BREATH * (speed - 1) * ticks < passed <= BREATH * speed * ticks + timedelta(seconds=ticks)
    triggers = the_triggers(services, schedule)
    step = timedelta(seconds=10)
    assert [trigger.due_at for trigger in triggers] == [SPRING + step * (n + 1) for n in range(len(triggers))]
    # Nobody executes anything, so all but the first few wait for their user's share.
    decided = [trigger.status == "queued" or trigger.hold == "limit" for trigger in triggers]
    assert decided == [True] * (passed // step) + [False]


def test_an_executor_has_as_long_in_fast_time_as_in_real_time(
    services: Services, clock: SetClock, queue: RecordedQueue
) -> None:
    """The longest job of its action may take 5 s, and 15 s more to record it: by the clock on the wall."""
    clock.instant, clock.speed = SPRING, 600.0
    schedule = new_logger_schedule(services, schedule_type="absolute", schedule_value=(SPRING + HOUR).isoformat())
    epoch = take_over(services, clock.now())
    create(services, clock.now(), epoch)
    create(services, clock.forward(3600), epoch)
    with services.database.begin() as connection:
        (claim,) = executing.claim(connection, queue.packs[0], clock.now(), clock.speed)
    create(services, clock.forward(19 * 600), epoch)
    assert (the_triggers(services, schedule)[0].status, claim.attempt) == ("executing", 1)
    create(services, clock.forward(2 * 600), epoch)
    assert "was lost" in the_triggers(services, schedule)[0].reason


def test_a_message_has_as_long_in_fast_time_as_in_real_time(
    services: Services, clock: SetClock, queue: RecordedQueue
) -> None:
    """20 s by the clock on the wall, and after that the trigger is sent again and still runs once."""
    clock.instant, clock.speed = SPRING, 600.0
    schedule = new_logger_schedule(services, schedule_type="absolute", schedule_value=(SPRING + HOUR).isoformat())
    epoch = take_over(services, clock.now())
    create(services, clock.now(), epoch)
    create(services, clock.forward(3600), epoch)
    create(services, clock.forward(19 * 600), epoch)
    assert the_triggers(services, schedule)[0].sends == 1
    create(services, clock.forward(2 * 600), epoch)
    assert the_triggers(services, schedule)[0].sends == 2
    assert [execute(services, pack, monotonic() + 30).completed for pack in queue.packs] == [1, 0]
