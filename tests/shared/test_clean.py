"""The last executions of each job stay, failures are never pushed out by successes, old triggers become ledger rows."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert, select

from shared.clean import DETAILS_KEPT, NOTHING, clean
from shared.job import JobId
from shared.schedule import ScheduleId
from shared.services import Services
from shared.store.engine import Database
from shared.store.tables import job_executions, ledger, triggers
from tests.fakes import SetClock
from tests.world import (
    count,
    new_action,
    new_job,
    new_schedule,
    new_user,
    set_schedule,
    set_trigger,
    the_executions,
    the_schedule,
    the_triggers,
)

KEEP = 10


def world(services: Services) -> tuple[ScheduleId, JobId]:
    user = new_user(services)
    action = new_action(services, user)
    job = new_job(services, user, action)
    return new_schedule(services, user, action, schedule_status="processing"), job


def history(services: Services, schedule: ScheduleId, job: JobId | None, statuses: str, age: timedelta) -> None:
    """Finished triggers, one for each letter, with an execution of the job each.

    c: completed, f: failed and discarded, d: failed, a dead letter
    """
    user, now = the_schedule(services, schedule).user_id, services.clock.now() - age
    with services.database.begin() as connection:
        for position, letter in enumerate(statuses):
            at = now + timedelta(milliseconds=position)
            status = {"c": "completed", "f": "failed", "d": "failed"}[letter]
            row = {
                "user_id": user,
                "schedule_id": schedule,
                "schedule_version": 1,
                "due_at": at,
                "next_attempt_at": at,
                "status": status,
                "reason": "it broke",
                "attempt": 1,
                "finished_at": at,
                "discarded_at": at if letter == "f" else None,
            }
            trigger = connection.execute(insert(triggers).values(**row).returning(triggers.c.id)).scalar_one()
            if job is not None:
                done = {"job_id": job, "job_name": "say", "job_type": "logger", "attempt": 1, "error": "it broke"}
                times = {"started_at": at, "finished_at": at}
                owner = {"user_id": user, "trigger_id": trigger, "status": status}
                connection.execute(insert(job_executions).values(**done, **times, **owner))


def clean_all(services: Services, now: datetime | None = None) -> None:
    while clean(services, now or services.clock.now()).more:
        pass


def test_a_job_at_the_limit_keeps_everything(services: Services) -> None:
    schedule, job = world(services)
    history(services, schedule, job, "c" * KEEP, timedelta(hours=1))
    clean_all(services)
    assert count(services, job_executions) == KEEP


def test_the_newest_executions_of_each_job_stay(services: Services) -> None:
    schedule, job = world(services)
    history(services, schedule, job, "c" * 25, timedelta(hours=1))
    newest = [row.id for row in the_executions(services)][-KEEP:]
    clean_all(services)
    assert [row.id for row in the_executions(services)] == newest
    history(services, schedule, job, "ccc", timedelta(minutes=1))
    clean_all(services)
    assert [row.id for row in the_executions(services)][: KEEP - 3] == newest[3:]


def test_successes_never_push_the_last_failures_out(services: Services) -> None:
    schedule, job = world(services)
    history(services, schedule, job, "f" * 12 + "c" * 30, timedelta(hours=1))
    clean_all(services)
    statuses = [row.status for row in the_executions(services)]
    assert statuses == ["failed"] * KEEP + ["completed"] * KEEP


def test_old_triggers_without_executions_become_ledger_rows(services: Services) -> None:
    schedule, job = world(services)
    history(services, schedule, job, "f" * 30 + "c" * 30, DETAILS_KEPT + timedelta(hours=1))
    history(services, schedule, None, "cf", DETAILS_KEPT + timedelta(hours=2))
    due = [row.due_at for row in the_triggers(services, schedule)]
    clean_all(services)
    kept = the_triggers(services, schedule)
    assert len(kept) == 2 * KEEP
    with services.database.begin() as connection:
        old = connection.execute(select(ledger).order_by(ledger.c.due_at)).all()
    assert sorted([row.due_at for row in [*old, *kept]]) == due
    assert {(row.status, row.reason, row.attempt) for row in old} == {
        ("completed", "it broke", 1),
        ("failed", "it broke", 1),
    }


def test_young_triggers_keep_their_details(services: Services) -> None:
    schedule, job = world(services)
    history(services, schedule, job, "c" * 15, timedelta(hours=2))
    clean_all(services)
    assert len(the_triggers(services, schedule)) == 15
    clean_all(services, services.clock.now() + DETAILS_KEPT)
    assert len(the_triggers(services, schedule)) == KEEP
    assert count(services, ledger) == 5


def test_the_ledger_ends_where_the_plan_of_its_owner_ends(services: Services) -> None:
    schedule, _ = world(services)
    history(services, schedule, None, "ccc", timedelta(days=2))
    clean_all(services)
    assert count(services, ledger) == 3
    clean_all(services, services.clock.now() + timedelta(days=5, minutes=1))
    assert count(services, ledger) == 0


def test_what_is_not_finished_is_never_touched(services: Services, clock: SetClock) -> None:
    schedule, job = world(services)
    history(services, schedule, job, "c", timedelta(days=9))
    (trigger,) = the_triggers(services, schedule)
    set_trigger(services, trigger.id, status="executing", finished_at=None, lease_until=clock.now())
    clean_all(services)
    assert [row.id for row in the_triggers(services, schedule)] == [trigger.id]


def test_a_deleted_schedule_leaves_with_its_history(services: Services, clock: SetClock) -> None:
    schedule, _ = world(services)
    history(services, schedule, None, "c", timedelta(days=2))
    set_schedule(services, schedule, deleted_at=clock.now() - timedelta(days=2), schedule_status="inactive")
    clean_all(services)
    assert the_schedule(services, schedule).deleted_at is not None
    clean_all(services, clock.now() + timedelta(days=8))
    with services.database.begin() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM schedules").scalar_one() == 0


def test_a_second_cleaner_leaves_at_once(services: Services, database: Database) -> None:
    with database.begin() as connection:
        connection.exec_driver_sql("SELECT 1 FROM cleaner_progress FOR NO KEY UPDATE")
        assert clean(services, services.clock.now()) == NOTHING


def test_many_executions_are_trimmed_over_several_batches(services: Services) -> None:
    schedule, job = world(services)
    history(services, schedule, job, "c", timedelta(hours=1))
    with services.database.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO job_executions (user_id, trigger_id, job_id, job_name, job_type, attempt, status, started_at,"
            " finished_at) SELECT user_id, trigger_id, job_id, job_name, job_type, n, status, started_at, finished_at"
            " FROM job_executions, generate_series(2, 6500) AS n"
        )
    clean_all(services)
    assert count(services, job_executions) == KEEP


def test_what_another_attempt_goes_on_from_is_kept_until_it_has_ended(services: Services, clock: SetClock) -> None:
    schedule, job = world(services)
    history(services, schedule, job, "cd", timedelta(hours=2))
    waiting = [row.id for row in the_triggers(services, schedule)]
    for trigger in waiting:
        set_trigger(
            services, trigger, status="scheduled", finished_at=None, discarded_at=None, reason="another one follows"
        )
    history(services, schedule, job, "f" * 30 + "c" * 30, timedelta(hours=1))
    clean_all(services)
    assert count(services, job_executions) == 2 + 2 * KEEP
    assert {row.trigger_id for row in the_executions(services)} >= set(waiting)
    for trigger in waiting:
        set_trigger(services, trigger, status="completed", finished_at=clock.now())
    history(services, schedule, job, "c", timedelta(minutes=1))
    clean_all(services)
    assert not {row.trigger_id for row in the_executions(services)} & set(waiting)


def test_dead_letters_keep_what_they_did_and_count_like_all_others(services: Services) -> None:
    schedule, job = world(services)
    history(services, schedule, job, "d" * 30, timedelta(days=3))
    history(services, schedule, job, "c" * 30, timedelta(days=2))
    clean_all(services)
    statuses = [row.status for row in the_executions(services)]
    assert statuses == ["failed"] * 30 + ["completed"] * KEEP
    assert [row.status for row in the_triggers(services, schedule)] == statuses
    assert count(services, ledger) == 20


def test_a_dead_letter_without_any_execution_stays_too(services: Services) -> None:
    schedule, _ = world(services)
    history(services, schedule, None, "dc", timedelta(days=2))
    clean_all(services)
    assert [row.status for row in the_triggers(services, schedule)] == ["failed"]


def test_what_a_discarded_dead_letter_had_kept_goes_as_usual(services: Services, clock: SetClock) -> None:
    schedule, job = world(services)
    history(services, schedule, job, "d" * 25, timedelta(days=3))
    history(services, schedule, None, "d", timedelta(days=4))
    clean_all(services)
    letters = the_triggers(services, schedule)
    assert len(letters) == 26
    for letter in letters:
        set_trigger(services, letter.id, discarded_at=clock.now())
    clean_all(services)
    newest = [row.trigger_id for row in the_executions(services)]
    assert len(newest) == KEEP
    assert sorted(row.id for row in the_triggers(services, schedule)) == newest
    assert count(services, ledger) == 16


def test_a_job_at_the_limit_keeps_what_was_discarded(services: Services, clock: SetClock) -> None:
    schedule, job = world(services)
    history(services, schedule, job, "d" * KEEP, timedelta(days=3))
    clean_all(services)
    for letter in the_triggers(services, schedule):
        set_trigger(services, letter.id, discarded_at=clock.now())
    clean_all(services)
    assert count(services, job_executions) == KEEP


def test_what_is_discarded_before_a_day_is_over_keeps_its_details_until_then(
    services: Services, clock: SetClock
) -> None:
    schedule, _ = world(services)
    history(services, schedule, None, "d", timedelta(hours=1))
    set_trigger(services, the_triggers(services, schedule)[0].id, discarded_at=clock.now())
    clean_all(services)
    assert len(the_triggers(services, schedule)) == 1
    clean_all(services, clock.now() + DETAILS_KEPT)
    assert the_triggers(services, schedule) == []


def test_dead_letters_are_put_away_when_their_owners_plan_keeps_them_no_longer(
    services: Services, clock: SetClock
) -> None:
    """The starter plan keeps history for seven days."""
    schedule, job = world(services)
    history(services, schedule, job, "d" * 15, timedelta(days=6, hours=23))
    clean_all(services)
    assert {row.discarded_at for row in the_triggers(services, schedule)} == {None}
    clean_all(services, clock.forward(3601))
    clean_all(services, clock.now())
    assert [row.discarded_at for row in the_triggers(services, schedule)] == [clock.now()] * KEEP
    assert count(services, job_executions) == KEEP


def test_every_user_has_a_turn(services: Services, clock: SetClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.clean.USERS", 1)
    schedules = []
    for name in ("ada", "bob", "eve"):
        user = new_user(services, name)
        action = new_action(services, user)
        schedules.append(new_schedule(services, user, action, schedule_status="processing"))
        history(services, schedules[-1], new_job(services, user, action), "d", timedelta(days=8))
    for _ in range(4):
        clean(services, clock.now())
    assert all(the_triggers(services, schedule)[0].discarded_at for schedule in schedules)


def test_what_an_unfinished_trigger_did_stays(services: Services, clock: SetClock) -> None:
    schedule, job = world(services)
    history(services, schedule, job, "c" * 15, timedelta(hours=1))
    first = the_triggers(services, schedule)[0]
    set_trigger(services, first.id, status="scheduled", finished_at=None)
    clean_all(services)
    assert the_executions(services)[0].trigger_id == first.id
    assert count(services, job_executions) == KEEP + 1


def test_a_long_line_of_dead_letters_hides_nothing_that_goes(services: Services) -> None:
    """What lies below more dead letters than one batch looks at is found all the same: batch by batch, as it came."""
    schedule, job = world(services)
    history(services, schedule, job, "c" * 20 + "d", timedelta(hours=1))
    with services.database.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO job_executions (user_id, trigger_id, job_id, job_name, job_type, attempt, status, error,"
            " started_at, finished_at) SELECT user_id, trigger_id, job_id, job_name, job_type, n, status, error,"
            " started_at, finished_at FROM job_executions, generate_series(2, 11000) AS n WHERE status = 'failed'"
        )
    clean_all(services)
    assert count(services, job_executions, status="completed") == 0
    assert count(services, job_executions, status="failed") == 11_000
