"""The statements that run all the time are answered from indexes, however much is stored: PostgreSQL itself says so."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from shared.services import Services
from shared.store import (
    asked_runs,
    bulk,
    calendars,
    cleaning,
    dispatching,
    executing,
    explaining,
    graphs,
    holds,
    overlapping,
    planning,
    putting_back,
    recovering,
    sharing,
)
from tests.world import new_action, new_schedule, new_user

SCHEDULES = 20_000
FILL = """
INSERT INTO schedules (user_id, action_id, name, schedule_type, schedule_value, schedule_unit, schedule_status)
SELECT 1, 1, 'n' || n, 'recurring', '1', 'day', 'processing' FROM generate_series(1, {n}) AS n;
INSERT INTO jobs (user_id, action_id, name, job_type, job_template_id, job_template_owner_id, job_input_type,
  is_root_job, job_timeout_in_secs)
SELECT 1, 1, 'j' || n, 'logger', (SELECT id FROM job_templates WHERE name = 'logger'), 0, 'static_input', false, 5
FROM generate_series(1, 100) AS n;
INSERT INTO triggers (user_id, schedule_id, action_id, schedule_version, due_at, next_attempt_at)
SELECT 1, id, 1, 1, now() + interval '1 day', now() + interval '1 day' FROM schedules;
INSERT INTO triggers (user_id, schedule_id, action_id, schedule_version, due_at, next_attempt_at, status, finished_at)
SELECT 1, id, 1, 1, now() - interval '1 hour', now(), 'completed', now() FROM schedules;
INSERT INTO job_executions (user_id, trigger_id, job_id, job_name, job_type, attempt, status, started_at, finished_at)
SELECT 1, t.id, 1 + t.id % 100, 'j', 'logger', 1, 'completed', now(), now() FROM triggers t WHERE status = 'completed';
INSERT INTO ledger (user_id, schedule_id, due_at, status, attempt, finished_at, expires_at)
SELECT 1, id, now() - interval '2 days', 'completed', 1, now(), now() + interval '1 day' FROM schedules;
INSERT INTO calendars (user_id, name) VALUES (1, 'c');
INSERT INTO schedule_calendars SELECT 1, id, (SELECT id FROM calendars) FROM schedules;
ANALYZE;
"""
BIG = re.compile(r"Seq Scan on (triggers|schedules|job_executions|ledger|schedule_calendars)\b")


@pytest.fixture
def full(services: Services) -> Iterator[Connection]:
    """A connection to a database with many schedules and triggers, of which nothing is due."""
    user = new_user(services)
    action = new_action(services, user)
    new_schedule(services, user, action, schedule_status="inactive")
    with services.database.begin() as connection:
        for statement in FILL.format(n=SCHEDULES).split(";\n"):
            connection.exec_driver_sql(statement)
        yield connection


def plan_of(connection: Connection, statement: Any, parameters: dict[str, Any]) -> str:
    expanded = statement.compile(dialect=connection.dialect).construct_expanded_state(parameters)
    explained = connection.exec_driver_sql("EXPLAIN " + expanded.statement, tuple(expanded.positional_parameters))
    return "\n".join(explained.scalars())


def test_hot_statements_read_no_table_from_end_to_end(full: Connection, services: Services) -> None:
    now = services.clock.now()
    ids, day = [1, 2, 3], timedelta(days=1)
    statements: dict[str, tuple[Any, dict[str, Any]]] = {
        "pending": (planning.PENDING, {"limit": 1000}),
        "settle": (planning.SETTLE, {}),
        "put": (planning.PUT, {"planned_schedule_id": ids, "planned_due_at": [now] * 3}),
        "calendars": (calendars.LINKS, {"ids": ids}),
        "due": (dispatching.DUE, {"now": now, "limit": 1000, "waiting": [], "theirs": False}),
        "due of who waits": (dispatching.DUE, {"now": now, "limit": 1000, "waiting": ids, "theirs": True}),
        "unfinished": (planning.UNFINISHED_OF, {"ids": ids}),
        "decided": (asked_runs.DECIDED, {"user": 1, "key": 2, "times": [now] * 3}),
        "line end": (asked_runs.LINE_END, {"user": 1}),
        "found": (explaining.FOUND, {"user": 1, "key": 2, "since": now, "until": now + day, "at": now}),
        "before": (explaining.BEFORE, {"user": 1, "key": 2, "since": now}),
        "after": (explaining.AFTER, {"user": 1, "key": 2, "until": now}),
        "bulk cancel": (bulk.CANCEL, {"user": 1, "ids": ids, "kinds": ["planned"], "why": "-", "now": now}),
        "queue": (dispatching.QUEUE, {"queued_id": ids, "queued_pack": ids, "now": now, "resend": now}),
        "under way": (overlapping.UNDER_WAY, {"ids": ids}),
        "wake": (overlapping.WAKE, {"ids": ids, "woken": now}),
        "replace": (overlapping.CANCEL, {"replaced_id": ids, "replaced_reason": ["-"] * 3, "now": now}),
        "hold": (
            holds.HOLD,
            {
                "held_id": ids,
                "held_hold": ["overlap"] * 3,
                "held_held_for": [None] * 3,
                "held_reason": ["-"] * 3,
                "held_next_attempt_at": [now] * 3,
            },
        ),
        "waiting users": (sharing.WAITING_USERS, {"limit": 1000}),
        "shares": (sharing.LOCK, {"users": ids}),
        "on the way": (sharing.ON_THE_WAY, {"users": ids}),
        "messages of hosts": (sharing.MESSAGES_OF_HOSTS, {"users": ids, "hosts": ["a:80"]}),
        "outstanding": (sharing.OUTSTANDING, {}),
        "lines": (sharing.LINES, {"users": ids}),
        "take": (sharing.TAKE, {"wanted_user_id": ids, "wanted_line": [""] * 3, "wanted_room": [600] * 3}),
        "standing": (executing.STANDING, {"mine_id": ids, "mine_attempt": [1] * 3}),
        "unclaimed": (dispatching.UNCLAIMED, {"now": now, "limit": 1000, "wait": 20, "longest": 600}),
        "claim": (executing.CLAIM, {"ids": ids, "now": now, "lease": now, "speed": 1.0}),
        "finish": (
            executing.FINISH,
            {
                "now": now,
                "ended_trigger_id": ids,
                "ended_attempt": [1] * 3,
                "ended_status": ["completed"] * 3,
                "ended_reason": [None] * 3,
            },
        ),
        "completed": (graphs.COMPLETED, {"ids": ids}),
        "tries": (graphs.TRIES, {"ids": ids}),
        "put back": (
            putting_back.PUT_BACK,
            {
                "now": now,
                "back_trigger_id": ids,
                "back_attempt": [1] * 3,
                "back_at": [now] * 3,
                "back_reason": ["-"] * 3,
                "back_changed": ["-"] * 3,
            },
        ),
        "lost": (recovering.LOST, {"now": now, "limit": 1000}),
        "recent": (cleaning.RECENT, {"after": SCHEDULES - 100, "limit": 5000}),
        "trim": (cleaning.TRIM, {"jobs": ids, "keep": 10, "limit": 1000}),
        "finished": (cleaning.FINISHED, {"after": now - 2 * day, "before": now - day, "limit": 9}),
        "expire": (cleaning.EXPIRE, {"now": now, "limit": 5000}),
    }
    plans = {name: plan_of(full, *statement) for name, statement in statements.items()}
    slow = {name: plan for name, plan in plans.items() if BIG.search(plan)}
    assert not slow, "\n\n".join(f"{name}:\n{plan}" for name, plan in slow.items())
