"""What whoever runs Cronny can watch."""

from datetime import timedelta

from sqlalchemy import insert

from shared.services import Services
from shared.store.fires import any_user, executing, finished_since
from shared.store.tables import triggers
from tests.world import new_logger_schedule, the_schedule


def put(services: Services, status: str, seconds: int) -> None:
    schedule = the_schedule(services, new_logger_schedule(services, name=f"{status} {seconds}"))
    now = services.clock.now()
    row = {
        "user_id": schedule.user_id,
        "schedule_id": schedule.id,
        "schedule_version": schedule.version,
        "due_at": now,
        "next_attempt_at": now,
        "status": status,
        "reason": "so it is",
        "attempt": 1,
        "lease_until": now,
        "started_at": now,
        "finished_at": None if status == "executing" else now + timedelta(seconds=seconds),
    }
    with services.database.begin() as connection:
        connection.execute(insert(triggers).values(**row))


def test_fires_of_all_users_come_in_the_order_in_which_they_ended(services: Services) -> None:
    for status, seconds in [("failed", 3), ("completed", 1), ("skipped", 2), ("cancelled", 2), ("executing", 0)]:
        put(services, status, seconds)
    with services.database.begin() as connection:
        fires = finished_since(connection, services.clock.now())
    assert [fire.schedule for fire in fires] == ["completed 1", "skipped 2", "failed 3"]
    assert fires[0].reason == "so it is"


def test_what_ended_at_the_given_instant_or_before_is_not_repeated(services: Services) -> None:
    put(services, "completed", 1)
    with services.database.begin() as connection:
        assert finished_since(connection, services.clock.now() + timedelta(seconds=1)) == []


def test_triggers_that_are_being_executed_are_counted(services: Services) -> None:
    put(services, "executing", 0)
    put(services, "completed", 0)
    with services.database.begin() as connection:
        assert executing(connection) == 1


def test_a_new_database_has_no_user(services: Services) -> None:
    with services.database.begin() as connection:
        assert not any_user(connection)
    new_logger_schedule(services)
    with services.database.begin() as connection:
        assert any_user(connection)
