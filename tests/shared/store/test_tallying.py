"""What is counted for good: once for each trigger that ends or starts, whatever is repeated, fenced or folded."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from shared.clean import clean
from shared.dispatch import dispatch
from shared.execute import execute
from shared.plan import plan
from shared.services import Services
from shared.store import cleaning, executing, recovering, tallying
from shared.store.engine import Database
from shared.store.tables import tallies
from shared.store.tallying import ENDED, LATENESS, LATENESS_BOUNDS, Tally
from shared.trigger import Claim, TriggerId, TriggerStatus
from tests.fakes import RecordedQueue, SetClock
from tests.world import count, new_logger_schedule, set_trigger, the_triggers

pytestmark = pytest.mark.usefixtures("sound")


def counted(services: Services, name: str) -> dict[tuple[str, int], int]:
    """How often, by label and bucket."""
    with services.database.begin() as connection:
        return {(each.label, each.bucket): each.count for each in tallying.read(connection) if each.name == name}


def queued(services: Services, clock: SetClock, late: float = 0.0) -> list[TriggerId]:
    """Three triggers that were queued in time, and are claimed so late."""
    made = [new_logger_schedule(services) for _ in range(3)]
    plan(services, clock.now())
    dispatch(services, clock.now().replace(microsecond=0) + timedelta(seconds=10))
    triggers = [row for schedule in made for row in the_triggers(services, schedule) if row.status == "queued"]
    assert len(triggers) == 3
    clock.instant = triggers[0].due_at + timedelta(seconds=late)
    return [row.id for row in triggers]


def test_fires_are_counted_by_how_late_they_start_and_how_they_end(services: Services, clock: SetClock) -> None:
    ids = queued(services, clock, late=0.3)
    execute(services, ids, lasts_until=1e12)
    assert counted(services, LATENESS) == {("", 2): 3}
    assert counted(services, ENDED) == {("completed", 0): 3}
    with services.database.begin() as connection:
        (late,) = [each for each in tallying.read(connection) if each.name == LATENESS]
    assert late.total == pytest.approx(0.9)


@pytest.mark.parametrize(("late", "bucket"), [(0, 0), (0.1, 0), (0.2, 1), (300, 9), (301, 10), (3000, 10)])
def test_a_bound_belongs_to_its_bucket(services: Services, clock: SetClock, late: float, bucket: int) -> None:
    ids = queued(services, clock, late)
    with services.database.begin() as connection:
        executing.claim(connection, ids, clock.now(), clock.speed)
    assert counted(services, LATENESS) == {("", bucket): 3}
    assert bucket == sum(bound < late for bound in LATENESS_BOUNDS)
    _end_all(services)


def test_lateness_is_counted_in_real_seconds_of_first_attempts_of_what_is_no_backfill(
    services: Services, clock: SetClock
) -> None:
    clock.speed = 60.0
    first, again, backfill = queued(services, clock, late=30)
    set_trigger(services, again, attempt=1)
    set_trigger(services, backfill, kind="backfill")
    with services.database.begin() as connection:
        assert len(executing.claim(connection, [first, again, backfill], clock.now(), clock.speed)) == 3
    assert counted(services, LATENESS) == {("", 2): 1}
    _end_all(services)


def test_a_doubled_message_and_an_ending_that_is_recorded_twice_are_counted_once(
    services: Services, clock: SetClock
) -> None:
    ids = queued(services, clock)
    claims: list[Claim] = []
    for _ in range(2):
        with services.database.begin() as connection:
            claims += executing.claim(connection, ids, clock.now(), clock.speed)
    endings = [executing.Ending(claim, TriggerStatus.FAILED, "it broke") for claim in claims]
    for _ in range(2):
        with services.database.begin() as connection:
            executing.finish(connection, endings, clock.now())
    assert sum(counted(services, LATENESS).values()) == 3
    assert counted(services, ENDED) == {("failed", 0): 3}


def test_what_is_rolled_back_was_never_counted(services: Services, clock: SetClock) -> None:
    ids = queued(services, clock)
    with services.database.begin() as connection:
        assert executing.claim(connection, ids, clock.now(), clock.speed)
        connection.rollback()
    assert count(services, tallies) == 0


def test_what_is_skipped_and_what_dies_is_counted_too(services: Services, clock: SetClock) -> None:
    schedule = new_logger_schedule(services, catch_up="none", catch_up_window_seconds=0)
    plan(services, clock.now())
    dispatch(services, clock.forward(100))
    skipped = [row.status for row in the_triggers(services, schedule)].count("skipped")
    assert skipped > 1
    assert counted(services, ENDED) == {("skipped", 0): skipped}
    ids = queued(services, clock)
    with services.database.begin() as connection:
        executing.claim(connection, ids, clock.now(), clock.speed)
        recovering.fail(connection, [(ids[0], "its executor died")], clock.now())
    assert counted(services, ENDED)["failed", 0] == 1
    _end_all(services)


def test_connections_count_side_by_side_and_are_folded_when_they_are_gone(
    services: Services, database: Database
) -> None:
    def tally(number: int) -> list[Tally]:
        return [Tally("x", "a", 0, number, 0.5), Tally("x", "b", 1, 1, 0.0)]

    with database.begin() as one, database.begin() as other:
        tallying.add(one, tally(1))
        tallying.add(other, tally(2))  # would wait for the first one's end, were it the same row
    with services.database.begin() as connection:
        tallying.add(connection, tally(4))
        tallying.fold(connection)
    assert count(services, tallies, label="a") == 3
    database.close()
    ended = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
    for _ in range(1000):
        with services.database.begin() as connection:
            if connection.execute(ended).scalar_one() == 1:
                break
    with services.database.begin() as connection:
        tallying.fold(connection)
    assert count(services, tallies, label="a") == 2
    with services.database.begin() as connection:
        tallying.fold(connection)
        found = {each.label: (each.count, each.total) for each in tallying.read(connection)}
    assert found == {"a": (7, 1.5), "b": (3, 0.0)}


def test_a_row_that_somebody_counts_in_is_left_for_the_next_time(services: Services, database: Database) -> None:
    with services.database.begin() as connection:
        # Of a backend that is gone, until another one gets its number.
        connection.execute(tallies.insert().values(name="x", label="a", bucket=0, backend=-1, count=5))
    with database.begin() as other:
        other.execute(tallies.update().values(count=6))
        with services.database.begin() as connection:
            tallying.fold(connection)
    assert count(services, tallies, backend=-1) == 1
    with services.database.begin() as connection:
        tallying.fold(connection)
        assert tallying.read(connection) == [Tally("x", "a", 0, 6, 0.0)]
    assert count(services, tallies, backend=tallying.FOLDED) == 1


def test_the_cleaner_folds(services: Services, clock: SetClock) -> None:
    with services.database.begin() as connection:
        connection.execute(tallies.insert().values(name="x", label="a", bucket=0, backend=-1, count=5))
    clean(services, clock.now())
    assert count(services, tallies, backend=tallying.FOLDED, count=5) == 1


def test_counts_outlive_the_triggers(services: Services, clock: SetClock, queue: RecordedQueue) -> None:
    ids = queued(services, clock)
    execute(services, ids, lasts_until=1e12)
    with services.database.begin() as connection:
        connection.execute(text("DELETE FROM job_executions"))
        assert cleaning.compact(connection, ids, clock.now() + timedelta(days=2)) == 3
    assert counted(services, ENDED) == {("completed", 0): 3}


def _end_all(services: Services) -> None:
    """So that what the test left half done violates nothing."""
    with services.database.begin() as connection:
        connection.execute(
            text(
                "UPDATE triggers SET status = 'completed', finished_at = started_at, lease_until = NULL"
                " WHERE status = 'executing'"
            )
        )
