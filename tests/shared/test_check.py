"""The check finds what was violated since the last one, says so, and never holds up the cleaner."""

import logging
from datetime import datetime

import pytest
from sqlalchemy import Connection

from shared import check as checking
from shared.check import LONGEST, check
from shared.dispatch import dispatch
from shared.plan import plan
from shared.services import Services
from shared.store import invariants
from shared.store.invariants import INVARIANTS, Violation
from tests.fakes import SetClock
from tests.world import new_logger_schedule, set_trigger, the_triggers


def checked_until(services: Services) -> datetime:
    with services.database.begin() as connection:
        return invariants.checked_until(connection)


def traces(services: Services, now: datetime) -> list[int]:
    """The triggers of which a check finds that they show the wrong traces."""
    return [found.id for found in check(services, now).violations if found.invariant.startswith("I6 ")]


@pytest.fixture
def broken(services: Services, clock: SetClock) -> int:
    """A trigger that ended without ever being claimed; its id."""
    schedule = new_logger_schedule(services)
    plan(services, clock.now())
    dispatch(services, clock.forward(10))
    trigger = the_triggers(services, schedule)[0]
    set_trigger(services, trigger.id, status="completed", finished_at=clock.now())
    return int(trigger.id)


def test_a_sound_world_is_said_to_be_sound(services: Services, clock: SetClock) -> None:
    new_logger_schedule(services)
    plan(services, clock.now())
    dispatch(services, clock.forward(10))
    checked = check(services, clock.now())
    assert (checked.violations, checked.skipped) == ([], 0)
    assert checked_until(services) == clock.now()


def test_each_violating_row_is_a_warning_with_the_name_of_its_invariant(
    services: Services, clock: SetClock, broken: int, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("cronny").propagate = True
    (found,) = check(services, clock.now()).violations
    assert (found.invariant.split()[0], found.id) == ("I6", broken)
    assert f"{found.invariant}: {broken}: completed: it was never claimed" in caplog.text
    assert {record.levelno for record in caplog.records if "invariant" in record.message} == {logging.WARNING}


def test_what_was_checked_is_not_checked_for_ever(services: Services, clock: SetClock, broken: int) -> None:
    """It is for a minute more, because what is written may be committed later."""
    assert traces(services, clock.now()) == [broken]
    assert traces(services, clock.forward(61)) == [broken]
    assert traces(services, clock.forward(61)) == []


def test_after_a_long_silence_the_last_hour_is_checked(services: Services, clock: SetClock, broken: int) -> None:
    clock.forward(LONGEST.total_seconds() - 60)
    assert traces(services, clock.now()) == [broken]


def test_a_statement_that_takes_too_long_is_left_out_and_the_others_are_not(
    services: Services, clock: SetClock, broken: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("cronny").propagate = True
    monkeypatch.setattr(checking, "SECONDS_EACH", 1)
    first = next(iter(INVARIANTS))
    real = invariants.violations_of

    def slow(
        connection: Connection, name: str, now: datetime, patience: float, since: datetime | None = None
    ) -> list[Violation]:
        if name == first:
            connection.exec_driver_sql("SELECT pg_sleep(5)")
        return real(connection, name, now, patience, since)

    monkeypatch.setattr(invariants, "violations_of", slow)
    checked = check(services, clock.now())
    assert checked.skipped == 1
    assert [found.id for found in checked.violations] == [broken]
    assert f"{first}: it could not be checked in time" in caplog.text
    with services.database.begin() as connection:
        when, counts = invariants.last_check(connection)
    assert (when, counts) == (clock.now(), {f"I{number}": int(number == 6) for number in range(2, 11)})


def test_a_check_that_has_to_stop_is_made_by_the_next_one(services: Services, clock: SetClock, broken: int) -> None:
    turns = iter([True, True, False])
    assert check(services, clock.now(), lambda: next(turns)).violations == []
    assert checked_until(services) < clock.now()
    assert check(services, clock.now()).violations


def test_lengths_of_time_are_real_in_fast_time(services: Services, clock: SetClock, broken: int) -> None:
    clock.speed = 600.0
    clock.forward(LONGEST.total_seconds() * 599)
    assert traces(services, clock.now()) == [broken]
