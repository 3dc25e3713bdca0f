"""After an outage each occurrence has run or says why not, by its schedule's policy, window and cap."""

from datetime import timedelta
from typing import Any

import pytest

from shared.catch_up import ENOUGH, GIVEN_UP, MAX_LATE_RUNS, SUPERSEDED
from shared.dispatch import dispatch
from shared.manage.draft import Draft
from shared.manage.runs import backfill, run_now
from shared.plan import plan
from shared.schedule import ScheduleId
from shared.services import Services
from tests.fakes import SetClock
from tests.world import (
    ENTERPRISE,
    due_times,
    give_plan,
    new_logger_schedule,
    set_schedule,
    set_trigger,
    the_schedule,
    the_triggers,
)

pytestmark = pytest.mark.usefixtures("sound")

MINUTE = 60


def planned(services: Services, **fields: Any) -> ScheduleId:
    """Every minute unless said otherwise."""
    schedule = new_logger_schedule(services, **{"schedule_unit": "minute", "schedule_value": "1"} | fields)
    give_plan(services, the_schedule(services, schedule).user_id, ENTERPRISE)
    plan(services, services.clock.now())
    return schedule


def outage(services: Services, clock: SetClock, seconds: float) -> None:
    """Nobody ticks for so long after the last whole minute, and then somebody does."""
    clock.instant = clock.now().replace(microsecond=0) + timedelta(seconds=seconds)
    while dispatch(services, clock.now()).more:
        pass


def seen(services: Services, schedule: ScheduleId) -> list[str]:
    """Each occurrence up to now: whether it ran, or else the first words of why it did not."""
    return ["runs" if row.status != "skipped" else row.reason for row in the_triggers(services, schedule)[:-1]]


@pytest.mark.parametrize(
    ("policy", "window", "minutes", "skipped", "run"),
    [
        # Up to five minutes everything runs, late.
        ("none", None, 5, 0, 5),
        ("latest", None, 5, 0, 5),
        ("all", None, 5, 0, 5),
        # Beyond that, ``none`` leaves out what is older, ``latest`` too, ``all`` only what is older than a day.
        ("none", None, 60, 54, 6),
        ("latest", None, 60, 54, 6),
        ("all", None, 60, 0, 60),
        # A window of one's own.
        ("none", 0, 60, 59, 1),
        ("latest", 0, 60, 59, 1),
        ("all", 0, 60, 59, 1),
        ("all", 600, 60, 49, 11),
        ("latest", 3600, 30, 0, 30),
    ],
)
def test_an_outage_is_made_up_for_as_the_schedule_says(
    services: Services, clock: SetClock, policy: str, window: int | None, minutes: int, skipped: int, run: int
) -> None:
    schedule = planned(services, catch_up=policy, catch_up_window_seconds=window)
    anchor = the_schedule(services, schedule).anchor
    outage(services, clock, minutes * MINUTE)
    told = seen(services, schedule)
    assert (len(told) - told.count("runs"), told.count("runs")) == (skipped, run)
    assert due_times(services, schedule) == [anchor + timedelta(minutes=n) for n in range(1, minutes + 2)]
    assert the_triggers(services, schedule)[-1].status == "scheduled"


def test_the_latest_runs_however_late_it_is_unless_nothing_is_to_be_caught_up(
    services: Services, clock: SetClock
) -> None:
    daily = {"schedule_unit": "day", "schedule_value": "1"}
    schedules = {policy: planned(services, catch_up=policy, **daily) for policy in ("none", "latest", "all")}
    outage(services, clock, 86400 + 5 * 3600)
    told = {policy: seen(services, schedule) for policy, schedule in schedules.items()}
    assert told == {"none": [GIVEN_UP], "latest": ["runs"], "all": ["runs"]}


def test_each_reason_says_what_happened(services: Services, clock: SetClock) -> None:
    none, latest = planned(services, catch_up="none"), planned(services, catch_up="latest")
    outage(services, clock, 20 * MINUTE)
    assert set(seen(services, none)) == {GIVEN_UP, "runs"}
    assert set(seen(services, latest)) == {SUPERSEDED, "runs"}


def test_all_goes_back_a_day_unless_told_otherwise(services: Services, clock: SetClock) -> None:
    schedule = planned(services, catch_up="all", schedule_value="30")
    outage(services, clock, 26 * 60 * MINUTE)
    assert seen(services, schedule) == [SUPERSEDED] * 3 + ["runs"] * 49


def test_so_many_late_runs_are_enough_and_the_latest_still_comes(services: Services, clock: SetClock) -> None:
    schedule = planned(services, catch_up="all")
    set_schedule(services, schedule, caught_up=MAX_LATE_RUNS - 10)
    outage(services, clock, 60 * MINUTE)
    # What is no more than five minutes late is no late run; counting begins anew with it.
    assert seen(services, schedule) == ["runs"] * 10 + [ENOUGH] * 44 + ["runs"] * 6
    assert the_schedule(services, schedule).caught_up == 0


def test_a_run_on_time_ends_the_count_of_late_ones(services: Services, clock: SetClock) -> None:
    schedule = planned(services, catch_up="all", schedule_value="30")
    outage(services, clock, 45 * MINUTE)
    assert the_schedule(services, schedule).caught_up == 1
    outage(services, clock, 15 * MINUTE)
    assert the_schedule(services, schedule).caught_up == 0


@pytest.mark.parametrize(("policy", "status"), [("none", "skipped"), ("latest", "queued"), ("all", "queued")])
def test_the_one_occurrence_of_an_absolute_schedule_is_the_latest(
    services: Services, clock: SetClock, policy: str, status: str
) -> None:
    instant = clock.now().replace(microsecond=0) + timedelta(seconds=30)
    schedule = planned(
        services,
        catch_up=policy,
        schedule_type="absolute",
        schedule_value=instant.isoformat(),
        schedule_unit=None,
    )
    outage(services, clock, 3600)
    assert [row.status for row in the_triggers(services, schedule)] == [status]
    assert the_schedule(services, schedule).exhausted


def test_a_relative_schedule_has_no_times_to_miss(services: Services, clock: SetClock) -> None:
    schedule = planned(services, catch_up="none", schedule_type="relative")
    outage(services, clock, 3600)
    assert [row.status for row in the_triggers(services, schedule)] == ["queued"]


def test_retries_backfills_and_runs_by_hand_are_never_too_late(services: Services, clock: SetClock) -> None:
    anchor = clock.now().replace(microsecond=0) - timedelta(minutes=5)
    schedule = planned(services, catch_up="none", catch_up_window_seconds=0, anchor=anchor)
    user = the_schedule(services, schedule).user_id
    manual = run_now(services, user, schedule, Draft({}))
    backfill(services, user, schedule, Draft({"since": anchor, "until": anchor + timedelta(minutes=2)}))
    again = the_triggers(services, schedule)[-2]
    set_trigger(services, again.id, attempt=1, reason="it failed")
    outage(services, clock, 3600)
    rows = {row.id: row.status for row in the_triggers(services, schedule) if row.kind != "planned"}
    assert set(rows.values()) == {"queued"}
    assert {manual.id, again.id} <= set(rows)


def test_in_fast_time_lateness_is_real_lateness(services: Services, clock: SetClock) -> None:
    clock.speed = 600
    schedule = planned(services, catch_up="none", catch_up_window_seconds=0)
    outage(services, clock, 60 * MINUTE)
    assert seen(services, schedule) == ["runs"] * 60
