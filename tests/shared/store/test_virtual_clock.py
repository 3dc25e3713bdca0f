"""The row that says what time it is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError

from shared import wiring
from shared.clock import Reading
from shared.settings import Environment, Settings
from shared.store import virtual_clock
from shared.store.engine import Database
from shared.store.tables import virtual_clock as table
from tests.cloud import wait_for

AT = datetime(2027, 3, 28, 0, 55, tzinfo=UTC)
SOON = timedelta(seconds=5)


def test_without_a_row_it_is_now(database: Database) -> None:
    before = database.now()
    reading = virtual_clock.read(database)
    assert before <= reading.shown <= database.now()
    assert (reading.real, reading.speed, reading.virtual) == (reading.shown, 1.0, False)


def test_time_begins_where_it_was_asked_to_and_goes_on_faster_from_there(database: Database) -> None:
    with database.begin() as connection:
        virtual_clock.start(connection, AT)
    slow = virtual_clock.read(database)
    assert slow.virtual
    assert AT <= slow.shown <= AT + SOON
    with database.begin() as connection:
        handed_over = virtual_clock.go_on(connection, 600)
    fast = virtual_clock.read(database)
    assert slow.shown <= handed_over <= fast.shown
    later = wait_for("a virtual minute", 10, lambda: passed_a_minute(database, fast.shown))
    assert later.speed == 600
    assert later.shown - fast.shown == pytest.approx((later.real - fast.real) * 600, abs=timedelta(milliseconds=1))


def passed_a_minute(database: Database, since: datetime) -> Reading | None:
    reading = virtual_clock.read(database)
    return reading if reading.shown - since > timedelta(minutes=1) else None


def test_stopping_it_brings_the_real_time_back(database: Database) -> None:
    with database.begin() as connection:
        virtual_clock.start(connection, AT)
        virtual_clock.stop(connection)
    assert not virtual_clock.read(database).virtual


def test_a_second_start_replaces_the_first(database: Database) -> None:
    with database.begin() as connection:
        virtual_clock.start(connection, AT)
        virtual_clock.start(connection, AT + timedelta(days=1))
    assert virtual_clock.read(database).shown >= AT + timedelta(days=1)


@pytest.mark.parametrize("speed", [virtual_clock.MIN_SPEED - 1, virtual_clock.MAX_SPEED + 1])
def test_the_database_refuses_a_speed_beyond_the_bounds(database: Database, speed: int) -> None:
    row = {"id": 1, "real_at": AT, "virtual_at": AT, "speed": speed}
    with pytest.raises(DBAPIError, match="ck_virtual_clock_speed"), database.engine.begin() as connection:
        connection.execute(insert(table).values(**row))


@pytest.mark.parametrize("environment", [Environment.STAGING, Environment.PRODUCTION])
def test_outside_development_nobody_plays_with_the_time(
    database: Database, settings: Settings, environment: Environment
) -> None:
    with database.begin() as connection:
        virtual_clock.start(connection, AT)
        virtual_clock.go_on(connection, 3600)
    clock = wiring.clock(database, replace(settings, environment=environment))
    assert clock.speed == 1.0
    assert abs(clock.now() - database.now()) < SOON
    assert abs(wiring.clock(database, settings).now() - database.now()) > timedelta(days=1)
