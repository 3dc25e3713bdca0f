"""Triggers, job executions and the dashboard over HTTP."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from shared.services import Services
from tests.chalicelib.client import Client
from tests.chalicelib.conftest import make_action, make_job, make_schedule

TRIGGER = text(
    "INSERT INTO triggers (user_id, schedule_id, action_id, schedule_version, due_at, next_attempt_at, status, reason,"
    " attempt, resend_at, lease_until, queued_at, started_at, finished_at)"
    " SELECT user_id, id, action_id, 1, :due, :due, :status, :reason, 1, now(), now(), :queued, :started, :finished"
    " FROM schedules WHERE id = :schedule RETURNING id"
)
EXECUTION = text(
    "INSERT INTO job_executions (user_id, trigger_id, job_id, job_name, job_type, attempt, status, error, input,"
    " output, started_at, finished_at) SELECT user_id, :trigger, id, name, job_type, 1, :status, :error, '{\"a\": 1}',"
    " '{\"b\": [2]}', now(), now() FROM jobs WHERE id = :job RETURNING id"
)
LEDGER = text(
    "INSERT INTO ledger (user_id, schedule_id, due_at, status, attempt, started_at, finished_at, expires_at)"
    " SELECT user_id, id, :due, 'completed', 1, :started, :started, now() FROM schedules WHERE id = :schedule"
)
DAY = timedelta(days=1)


class World:
    """A user's schedule, job, and triggers that were written by hand."""

    def __init__(self, client: Client, engine: Engine, now: datetime) -> None:
        self.client, self.engine, self.now = client, engine, now
        self.action_id = make_action(client)
        self.job_id = make_job(client, self.action_id)["id"]
        self.schedule_id = make_schedule(client, self.action_id)["id"]

    def trigger(self, status: str, due: float, late: float = 0.5) -> int:
        """A trigger that was due so many seconds ago and started so much later."""
        at = self.now - timedelta(seconds=due)
        ended = status in ("completed", "failed", "skipped", "cancelled")
        started = at + timedelta(seconds=late) if status in ("completed", "failed", "executing") else None
        values = {
            "schedule": self.schedule_id,
            "due": at,
            "status": status,
            "reason": "why" if status in ("failed", "skipped") else None,
            "queued": at if status == "queued" else None,
            "started": started,
            "finished": self.now if ended else None,
        }
        with self.engine.begin() as connection:
            return int(connection.execute(TRIGGER, values).scalar_one())

    def execution(self, trigger_id: int, error: str | None = None) -> int:
        """What the job did in that trigger."""
        values = {
            "trigger": trigger_id,
            "job": self.job_id,
            "status": "failed" if error else "completed",
            "error": error,
        }
        with self.engine.begin() as connection:
            return int(connection.execute(EXECUTION, values).scalar_one())

    def ledger(self, due: float, late: float) -> None:
        """What is left of a trigger that completed long ago."""
        at = self.now - timedelta(seconds=due)
        values = {"schedule": self.schedule_id, "due": at, "started": at + timedelta(seconds=late)}
        with self.engine.begin() as connection:
            connection.execute(LEDGER, values)


@pytest.fixture
def world(alice: Client, engine: Engine, services: Services) -> World:
    """Alice's."""
    return World(alice, engine, services.clock.now())


def test_a_trigger_is_told_with_what_its_jobs_did(world: World, alice: Client) -> None:
    trigger_id = world.trigger("failed", due=60)
    execution_id = world.execution(trigger_id, "HTTP 500")
    trigger = alice.get(f"triggers/{trigger_id}").json["trigger"]
    assert (trigger["status"], trigger["reason"], trigger["schedule_id"]) == ("failed", "why", world.schedule_id)
    assert trigger["due_at"].endswith("Z")
    (execution,) = trigger["job_executions"]
    assert execution == alice.get(f"job_executions/{execution_id}").json["job_execution"]
    expected = {"trigger_id": trigger_id, "job_id": world.job_id, "job_name": "fetch", "job_type": "http", "attempt": 1}
    told = {"status": "failed", "error": "HTTP 500", "input": {"a": 1}, "output": {"b": [2]}}
    assert (expected | told).items() <= execution.items()


def test_triggers_are_listed_newest_first_and_narrowed(world: World, alice: Client) -> None:
    old, middle, new = (
        world.trigger(status, due) for status, due in (("failed", 300), ("completed", 200), ("queued", 0))
    )

    def ids(**query: Any) -> list[int]:
        return [trigger["id"] for trigger in alice.get("triggers", **query).json["triggers"]]

    instant = (world.now - timedelta(seconds=200)).isoformat()
    assert ids() == [new, middle, old]
    assert ids(status="failed") == [old]
    assert ids(**{"from": instant}) == [new, middle]
    assert ids(to=instant) == [old]
    assert ids(schedule_id=world.schedule_id, action_id=world.action_id) == [new, middle, old]
    assert ids(schedule_id=world.schedule_id + 1) == []
    first = alice.get("triggers", limit=2).json
    assert [one["id"] for one in first["triggers"]] == [new, middle]
    assert ids(limit=2, cursor=first["next_cursor"]) == [old]


def test_job_executions_are_listed_newest_first_and_narrowed(world: World, alice: Client) -> None:
    first, second = world.trigger("completed", 100), world.trigger("failed", 50)
    one, two = world.execution(first), world.execution(second, "no")

    def ids(**query: Any) -> list[int]:
        return [execution["id"] for execution in alice.get("job_executions", **query).json["job_executions"]]

    assert ids() == [two, one]
    assert ids(status="failed", job_id=world.job_id) == [two]
    assert ids(trigger_id=first) == [one]
    assert ids(to="2020-01-01T00:00:00Z") == []
    page = alice.get("job_executions", limit=1).json
    assert ids(limit=1, cursor=page["next_cursor"]) == [one]


def test_wrong_filters_are_named(alice: Client) -> None:
    query = {"schedule_id": "x", "status": "lost", "from": "yesterday", "to": "", "limit": 201}
    assert set(alice.get("triggers", **query).fields) == set(query)
    query = {"job_id": 0, "trigger_id": 2**63, "status": "queued", "from": "2020-01-01"}
    assert set(alice.get("job_executions", **query).fields) == set(query)


def test_what_a_deleted_job_did_stays_readable(world: World, alice: Client) -> None:
    execution_id = world.execution(world.trigger("completed", 100))
    assert alice.delete(f"jobs/{world.job_id}").status == 200
    execution = alice.get(f"job_executions/{execution_id}").json["job_execution"]
    assert (execution["job_id"], execution["job_name"]) == (None, "fetch")


def test_the_last_run_is_known_even_when_only_the_ledger_knows(world: World, alice: Client) -> None:
    world.ledger(due=3600, late=0.25)
    assert alice.get(f"schedules/{world.schedule_id}").json["schedule"]["last_run"]["status"] == "completed"
    world.trigger("failed", due=60)
    assert alice.get("schedules").json["schedules"][0]["last_run"]["status"] == "failed"


def test_the_dashboard_counts_the_last_day(world: World, alice: Client) -> None:
    for due, late in ((4000, 3.5), (100, 0.5), (200, 1.5)):
        world.trigger("completed", due, late)
    world.trigger("completed", 90_000, 99)
    failed = world.trigger("failed", 300, 2.5)
    world.ledger(due=90_001, late=99)
    world.trigger("skipped", 400)
    world.trigger("cancelled", 500)
    world.trigger("queued", 30)
    world.trigger("scheduled", 20)
    stats = alice.get("dashboard/stats").json["stats"]
    assert stats["totals"] == {"schedules": 1, "actions": 1, "jobs": 1, "job_templates": 0, "triggers": 9}
    assert stats["job_types"] == {"http": 1}
    assert stats["schedule_statuses"] == {"pending": 1}
    assert (stats["completed"], stats["failed"], stats["skipped"]) == (3, 1, 1)
    assert stats["success_rate"] == 0.75
    assert (stats["lateness_p50_seconds"], stats["lateness_p99_seconds"]) == (2.0, 3.47)
    assert len(stats["fires_per_hour"]) == 24
    assert sum(hour["fires"] for hour in stats["fires_per_hour"]) == 4
    assert sum(hour["failed"] for hour in stats["fires_per_hour"]) == 1
    assert (stats["overdue"], stats["queued"], stats["executing"]) == (1, 1, 0)
    assert stats["queue_age_seconds"] == 30.0
    assert [one["status"] for one in stats["recent_activity"]] == [
        "queued",
        "skipped",
        "failed",
        "completed",
        "completed",
        "completed",
        "completed",
    ]
    assert stats["recent_activity"][2]["id"] == failed
    assert (stats["counted_up_to"], stats["covers_since"][:10]) == (10_000, (world.now - DAY).isoformat()[:10])


def test_a_busy_day_is_looked_at_from_its_end_and_says_how_far(
    world: World, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for minutes in (5, 4, 3):
        trigger = world.trigger("completed" if minutes < 5 else "failed", due=minutes * 60, late=1)
        at = world.now - timedelta(minutes=minutes)
        with world.engine.begin() as connection:
            connection.execute(text("UPDATE triggers SET finished_at = :at WHERE id = :id"), {"at": at, "id": trigger})
    assert alice.get("dashboard/stats").json["stats"]["success_rate"] == 0.6667
    monkeypatch.setattr("shared.store.dashboard.CAP", 2)
    stats = alice.get("dashboard/stats").json["stats"]
    assert (stats["success_rate"], stats["completed"], stats["totals"]["triggers"]) == (1.0, 2, 2)
    assert stats["counted_up_to"] == 2
    assert datetime.fromisoformat(stats["covers_since"]) == world.now - timedelta(minutes=4)


def test_what_waits_in_its_users_line_is_overdue_too_and_nobody_elses_is(
    world: World, alice: Client, bob: Client
) -> None:
    for hold in ("'limit'", "NULL"):
        trigger = world.trigger("scheduled", due=60 if hold == "NULL" else 70)
        with world.engine.begin() as connection:
            connection.exec_driver_sql(
                f"UPDATE triggers SET hold = {hold}, held_for = CASE WHEN {hold} = 'limit' THEN '' END, reason = 'x'"
                f" WHERE id = {trigger}"
            )
    assert alice.get("dashboard/stats").json["stats"]["overdue"] == 2
    assert bob.get("dashboard/stats").json["stats"]["overdue"] == 0


def test_an_empty_dashboard_has_no_rates(bob: Client, world: World) -> None:
    world.trigger("completed", 100)
    stats = bob.get("dashboard/stats").json["stats"]
    assert set(stats["totals"].values()) == {0}
    assert (stats["success_rate"], stats["lateness_p50_seconds"], stats["queue_age_seconds"]) == (None, None, None)
    assert stats["recent_activity"] == []


def test_what_is_tried_again_says_when_and_how_often_its_executor_died(world: World, alice: Client) -> None:
    trigger_id = world.trigger("scheduled", due=5)
    with world.engine.begin() as connection:
        connection.execute(text("UPDATE triggers SET crashes = 2, reason = 'why' WHERE id = :id"), {"id": trigger_id})
    waiting = alice.get(f"triggers/{trigger_id}").json["trigger"]
    assert (waiting["attempt"], waiting["crashes"], waiting["reason"]) == (1, 2, "why")
    assert waiting["next_attempt_at"] == waiting["due_at"]
    done = alice.get(f"triggers/{world.trigger('completed', due=6)}").json["trigger"]
    assert (done["crashes"], done["next_attempt_at"]) == (0, None)


def test_a_failed_execution_says_what_kind_of_failure_it_was(world: World, alice: Client) -> None:
    execution_id = world.execution(world.trigger("failed", due=5), "HTTP 503")
    with world.engine.begin() as connection:
        connection.execute(text("UPDATE job_executions SET failure = 'server_error'"))
    assert alice.get(f"job_executions/{execution_id}").json["job_execution"]["failure"] == "server_error"
    (listed,) = alice.get("job_executions").json["job_executions"]
    assert listed["failure"] == "server_error"


def test_one_trigger_tells_how_long_each_stage_took(alice: Client, world: World, engine: Engine) -> None:
    completed, queued = world.trigger("completed", 60, late=2), world.trigger("queued", 30)
    with engine.begin() as connection:
        moved = text("UPDATE triggers SET queued_at = due_at + interval '500 milliseconds' WHERE id = :id")
        connection.execute(moved, {"id": completed})
    lag = alice.get(f"triggers/{completed}").json["trigger"]["lag"]
    assert lag == {"due_to_queued": 0.5, "queued_to_started": 1.5, "started_to_finished": 58.0}
    lag = alice.get(f"triggers/{queued}").json["trigger"]["lag"]
    assert lag == {"due_to_queued": 0.0, "queued_to_started": None, "started_to_finished": None}
    with engine.begin() as connection:
        again = text("UPDATE triggers SET queued_at = due_at + interval '10 seconds' WHERE id = :id")
        connection.execute(again, {"id": completed})
    assert alice.get(f"triggers/{completed}").json["trigger"]["lag"]["queued_to_started"] is None
