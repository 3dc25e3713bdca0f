"""Each invariant notices its own violation, and a normal life violates none."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from shared.dispatch import dispatch
from shared.plan import plan
from shared.services import Services
from shared.store.invariants import INVARIANTS, violations
from shared.store.tables import job_executions
from shared.trigger import TriggerId
from tests.fakes import SetClock
from tests.world import (
    new_action,
    new_held,
    new_logger_schedule,
    new_user,
    set_schedule,
    set_trigger,
    the_trigger,
    the_triggers,
)

PATIENCE = 60.0
Break = Callable[[Services, Any], None]


def broken(services: Services) -> set[str]:
    """The numbers of the invariants that do not hold now: I1, I2, ..."""
    with services.database.begin() as connection:
        return {found.invariant.split()[0] for found in violations(connection, services.clock.now(), PATIENCE)}


def sql(statement: str) -> Break:
    def run(services: Services, trigger: Any) -> None:
        with services.database.begin() as connection:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            connection.exec_driver_sql(statement.format(id=trigger.id, schedule=trigger.schedule_id))

    return run


EXECUTION = (
    "INSERT INTO job_executions (user_id, trigger_id, job_name, job_type, attempt, status, started_at, finished_at)"
    " VALUES ({user}, {{id}}, 'n', 'logger', {attempt}, 'completed', now() + interval '{late}', now())"
)
BREAKS: dict[str, Break] = {
    "I1": sql(
        "INSERT INTO ledger (user_id, schedule_id, due_at, status, attempt, finished_at, expires_at)"
        " SELECT user_id, schedule_id, due_at, 'completed', 1, now(), now() FROM triggers WHERE id = {id}"
    ),
    "I2": sql(
        "UPDATE triggers SET due_at = due_at + interval '50 s', status = 'queued', resend_at = now(), queued_at = now()"
        " WHERE schedule_id = {schedule} AND id <> {id}"
    ),
    "I3": sql("DELETE FROM triggers WHERE schedule_id = {schedule} AND status = 'scheduled'"),
    "I4": sql(EXECUTION.format(user=1, attempt=7, late="0 s")),
    "I5": sql(
        "UPDATE triggers SET (status, attempt, started_at, finished_at) = ('completed', 1, now(), now())"
        " WHERE id = {id};" + EXECUTION.format(user=1, attempt=1, late="1 hour")
    ),
    "I6": sql("UPDATE triggers SET status = 'completed', attempt = 0, finished_at = now() WHERE id = {id}"),
    "I7": sql("UPDATE triggers SET resend_at = now() - interval '1 hour' WHERE id = {id}"),
    "I8": sql(EXECUTION.format(user=99, attempt=0, late="0 s")),
    "I9": sql("UPDATE schedules SET user_id = 99 WHERE id = {schedule}"),
    "I10": sql("UPDATE schedules SET schedule_status = 'inactive' WHERE id = {schedule}"),
}


@pytest.fixture
def queued(services: Services, clock: SetClock) -> Any:
    """A trigger that is queued while the next one of its schedule is planned."""
    schedule = new_logger_schedule(services)
    plan(services, clock.now())
    dispatch(services, clock.forward(10))
    return the_triggers(services, schedule)[0]


def test_a_normal_life_violates_nothing(services: Services, queued: Any, clock: SetClock) -> None:
    assert broken(services) == set()
    now = clock.now()
    set_trigger(
        services, queued.id, status="executing", attempt=1, started_at=now, lease_until=now + timedelta(hours=1)
    )
    assert broken(services) == set()
    set_trigger(services, TriggerId(queued.id), status="completed", finished_at=now, lease_until=None)
    assert broken(services) == set()


@pytest.mark.parametrize("number", BREAKS)
def test_each_invariant_notices_its_violation(services: Services, queued: Any, number: str) -> None:
    BREAKS[number](services, queued)
    assert number in broken(services)


def test_every_invariant_is_tried() -> None:
    assert [name.split()[0] for name in INVARIANTS] == list(BREAKS)


def test_a_paused_schedule_needs_no_trigger(services: Services, queued: Any) -> None:
    set_trigger(
        services, the_triggers(services, queued.schedule_id)[1].id, status="cancelled", finished_at=queued.due_at
    )
    set_trigger(services, queued.id, status="cancelled", finished_at=queued.due_at)
    set_schedule(services, queued.schedule_id, schedule_status="inactive")
    assert broken(services) == set()


@pytest.mark.parametrize(("late", "found"), [(59, set()), (61, {"I7"})])
def test_a_pause_that_does_not_end_in_time_violates(
    services: Services, clock: SetClock, late: float, found: set[str]
) -> None:
    new_logger_schedule(services, schedule_status="inactive", resume_at=clock.now() - timedelta(seconds=late))
    assert broken(services) == found


@pytest.fixture
def line(services: Services, clock: SetClock) -> int:
    """A trigger that waits for its user's share; nothing of that user is on its way."""
    user_id = new_user(services)
    action = new_action(services, user_id)
    held = new_held(services, user_id, "", action=action)[0]
    set_trigger(services, held, hold="limit", next_attempt_at=clock.now() - timedelta(hours=1))
    return held


def test_a_line_that_stands_still_violates(services: Services, line: int) -> None:
    assert broken(services) == {"I7"}


@pytest.mark.parametrize("ago", [1, 3600])
def test_a_line_moves_while_it_goes_over_to_wait_for_a_host(
    services: Services, line: int, clock: SetClock, ago: int
) -> None:
    went = new_held(services, the_trigger(services, line).user_id, "away.example:443")[0]
    set_trigger(services, went, started_at=clock.now() - timedelta(seconds=ago))
    assert broken(services) == (set() if ago == 1 else {"I7"})


@pytest.mark.parametrize("ago", [1, 3600])
def test_a_line_moves_while_jobs_are_tried(services: Services, line: int, clock: SetClock, ago: int) -> None:
    at = clock.now() - timedelta(seconds=ago)
    row = {"user_id": the_trigger(services, line).user_id, "trigger_id": line, "job_name": "n", "job_type": "logger"}
    times = {"attempt": 1, "status": "failed", "error": "no", "started_at": at, "finished_at": at}
    with services.database.begin() as connection:
        connection.execute(insert(job_executions).values(row | times))
    assert broken(services) == (set() if ago == 1 else {"I7"})
