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
    breakers,
    bulk,
    calendars,
    cleaning,
    dashboard,
    dead_letters,
    dead_messages,
    dispatching,
    executing,
    explaining,
    graphs,
    holding,
    holds,
    invariants,
    kept_answers,
    metrics,
    overlapping,
    planning,
    putting_away,
    putting_back,
    quotas,
    readiness,
    recent,
    recovering,
    resuming,
    schedules,
    secrets,
    sharing,
)
from shared.store.paging import narrowed
from tests.world import new_action, new_schedule, new_user

SCHEDULES = 20_000
FILL = """
INSERT INTO schedules (user_id, action_id, name, schedule_type, schedule_value, schedule_unit, schedule_status)
SELECT 1, 1, 'n' || n, 'recurring', '1', 'day', 'processing' FROM generate_series(1, {n}) AS n;
UPDATE schedules SET tags = ARRAY['t' || id % 100] WHERE id % 10 = 0;
UPDATE schedules SET schedule_status = 'inactive', resume_at = now() + interval '1 day' WHERE id % 10 = 1;
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
INSERT INTO triggers (user_id, schedule_id, action_id, schedule_version, due_at, next_attempt_at, attempt, hold,
  held_for, reason)
SELECT 1, id, 1, 1, now() - interval '1 minute', now() + interval '5 minutes', 1, 'breaker', 'h' || id % 10 || ':443',
  'waits'
FROM schedules ORDER BY id LIMIT 1000;
INSERT INTO breakers (user_id, host, state, failures, probe_at)
SELECT 1, 'h' || n || ':443',
  CASE WHEN n < 10 THEN 'open' ELSE 'closed' END, CASE WHEN n < 20 THEN 5 ELSE 0 END, now() + interval '1 minute'
FROM generate_series(0, {n}) AS n;
INSERT INTO schedule_calendars SELECT 1, id, (SELECT id FROM calendars) FROM schedules;
INSERT INTO dead_messages (message_id, body, trigger_ids, receives)
SELECT 'm' || n, '', ARRAY[n, n + 1], 6 FROM generate_series(1, {n}) AS n;
INSERT INTO kept_answers (user_id, key, request, expires_at)
SELECT 1, 'k' || n, '-', now() + n * interval '1 minute' FROM generate_series(1, {n}) AS n;
INSERT INTO secrets (user_id, name, key_id, wrapped_key, box)
SELECT 1, 's' || n, 'file:1', 'x', 'y' FROM generate_series(1, {n}) AS n;
ANALYZE;
"""
BIG_TABLES = "triggers|schedules|job_executions|ledger|schedule_calendars|breakers|dead_messages|kept_answers|secrets"
BIG = re.compile(rf"Seq Scan on ({BIG_TABLES})\b")

DASHBOARD = {
    "totals": dashboard.TOTALS,
    "job types": dashboard.JOB_TYPES,
    "statuses": dashboard.STATUSES,
    "recent": dashboard.RECENT,
    "day": dashboard.DAY,
    "hours": dashboard.HOURS,
    "backlog": dashboard.BACKLOG,
    "breakers": dashboard.OPEN_BREAKERS,
}


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


def plan_of(connection: Connection, statement: Any, parameters: dict[str, Any], explain: str = "EXPLAIN") -> str:
    expanded = statement.compile(dialect=connection.dialect).construct_expanded_state(parameters)
    explained = connection.exec_driver_sql(f"{explain} {expanded.statement}", tuple(expanded.positional_parameters))
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
        "secrets": (secrets.READ_SEALED, {"wanted_user_id": [1] * 3, "wanted_called": ["s1", "s2", "none"]}),
        "secrets used": (secrets.NOTE_USE, {"ids": ids, "before": now, "now": now}),
        "secrets held": (secrets.HOLD, {"user": 1, "names": ["s1", "none"]}),
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
                "back_held_for": [None, None, "h1:443"],
            },
        ),
        "known breakers": (breakers.OF_USERS, {"users": [1]}),
        "lock breakers": (breakers.LOCK, {"key_user_id": [1], "key_host": ["h1:443"]}),
        "still open": (breakers.STILL, {"key_user_id": [1], "key_host": ["h1:443"]}),
        "due probes": (breakers.DUE_FOR_PROBE, {"now": now, "limit": 100}),
        "oldest held": (breakers.OLDEST, {"key_user_id": [1], "key_host": ["h1:443"]}),
        "let go": (
            holding.LET_GO_IN_TURN,
            {"user": 1, "host": "h1:443", "limit": 5000, "now": now, "before": 0, "apart": 0.1, "why": "-"},
        ),
        "tell": (
            holding.TELL,
            {"user": 1, "host": "h1:443", "limit": 5000, "why": "-", "look_again_at": now},
        ),
        "lost": (recovering.LOST, {"now": now, "limit": 1000}),
        "lapse": (putting_away.LAPSE, {"after": 0, "users": 500, "now": now, "limit": 5000}),
        "discarded": (putting_away.DISCARDED, {"after": now, "limit": 5000}),
        "trim of": (putting_away.TRIM_OF, {"ids": ids, "keep": 10}),
        "dead letters": (dead_letters.MATCHING, {"user": 1, "limit": 10_001}),
        "redrive": (
            dead_letters.REDRIVE,
            {"again_id": ids, "again_next_attempt_at": [now] * 3, "from_start": False, "job_inputs": None},
        ),
        "lock dead letters": (dead_letters.LOCK, {"user": 1, "ids": ids}),
        "lock their schedules": (dead_letters.LOCK_SCHEDULES, {"user": 1, "ids": ids}),
        "discard": (dead_letters.DISCARD, {"user": 1, "ids": ids, "now": now}),
        "failed job": (dead_letters.FAILED_JOB, {"user": 1, "key": 2}),
        "send again": (dead_messages.SEND_AGAIN, {"ids": ids, "now": now, "why": "-"}),
        "queue failures": (dead_messages.FAILURES, {"triggers": [1]}),
        "forget messages": (dead_messages.FORGET, {"before": now - day, "limit": 5000}),
        "find answer": (kept_answers.FIND, {"user": 1, "of_key": "k1"}),
        "forget answers": (kept_answers.FORGET, {"now": now, "limit": 5000}),
        "recent": (cleaning.RECENT, {"after": SCHEDULES - 100, "limit": 5000}),
        "trim": (cleaning.TRIM, {"jobs": ids, "last": 10**9, "keep": 10, "limit": 10_000}),
        "finished": (cleaning.FINISHED, {"after": now - 2 * day, "before": now - day, "limit": 9}),
        "expire": (cleaning.EXPIRE, {"now": now, "limit": 5000}),
        **{
            f"dashboard {name}": (statement, {"user": 1, "cap": 10_000, "since": now - day, "overdue": now})
            for name, statement in DASHBOARD.items()
        },
        "counts": (metrics.COUNTS, {"overdue": now, "cap": metrics.CAP}),
        "on the way in all": (metrics.ON_THE_WAY, {}),
        "oldest due": (metrics.OLDEST_DUE, {"now": now}),
        "open breakers": (metrics.BREAKERS, {}),
        "lag": (readiness.LAG, {"now": now}),
        "owners of pauses that end": (resuming.HOLD_OWNERS, {"now": now, "limit": 500}),
        "pauses that end": (resuming.DUE, {"now": now, "users": ids, "limit": 500}),
        "resume": (resuming.RESUME, {"ids": ids}),
        "refuse": (resuming.REFUSE, {"refused_id": ids, "refused_note": ["-"] * 3, "now": now}),
        "standings": (quotas.STANDINGS, {"users": ids}),
        "prioritise": (schedules.PRIORITISE, {"user": 1, "key": 2, "new_priority": 9}),
        "outcomes": (recent.OUTCOMES, {"user": 1, "key": 2}),
        "tagged": (narrowed(bulk.MATCHING, schedules.FILTERS, {"tag": "-"}), {"user": 1, "tag": "t9", "limit": 9}),
    }
    plans = {name: plan_of(full, *statement) for name, statement in statements.items()}
    slow = {name: plan for name, plan in plans.items() if BIG.search(plan)}
    assert not slow, "\n\n".join(f"{name}:\n{plan}" for name, plan in slow.items())


def test_a_thousand_held_triggers_cost_an_idle_tick_nothing(full: Connection, services: Services) -> None:
    """Neither the dispatcher nor who looks for probes touches one of them: no row is read and thrown away."""
    now = services.clock.now()
    for statement, parameters in (
        (dispatching.DUE, {"limit": 1000, "waiting": [], "theirs": False}),
        (breakers.DUE_FOR_PROBE, {"limit": 100}),
    ):
        plan = plan_of(full, statement, {"now": now, **parameters}, "EXPLAIN (ANALYZE, BUFFERS)")
        assert "Rows Removed" not in plan, plan
        touched = sum(int(pages) for pages in re.findall(r"^ *Buffers: shared hit=(\d+)", plan, re.MULTILINE)[:1])
        assert touched < 20, plan


def test_the_check_of_each_minute_reads_no_table_from_end_to_end(full: Connection, services: Services) -> None:
    """What happened since, which is little, is found by index; so is everything that belongs to it."""
    now = services.clock.now() + timedelta(minutes=2)
    since = now - timedelta(minutes=1)
    statements = {name: invariants.statement(name, now, 60, since) for name in invariants.INVARIANTS}
    plans = {name: plan_of(full, statement, {}) for name, statement in statements.items()}
    slow = {name: plan for name, plan in plans.items() if BIG.search(plan)}
    assert not slow, "\n\n".join(f"{name}:\n{plan}" for name, plan in slow.items())


def test_a_scrape_reads_no_more_than_its_cap_however_much_is_stored(full: Connection, services: Services) -> None:
    """All schedules are planned and all have run: of each kind so many index entries are read, and no more."""
    now, cap = services.clock.now(), 1000
    plan = plan_of(full, metrics.COUNTS, {"overdue": now, "cap": cap}, "EXPLAIN (ANALYZE, TIMING OFF)")
    read = [float(rows) for rows in re.findall(r"Scan.*actual rows=([\d.]+)", plan)]
    assert max(read) == cap, plan
    assert "Rows Removed" not in plan, plan


def test_a_dashboard_reads_no_more_than_its_cap_of_each_kind(full: Connection, services: Services) -> None:
    now, cap = services.clock.now(), 500
    bounds = {"user": 1, "cap": cap, "since": now - timedelta(days=1), "overdue": now}
    for name, statement in DASHBOARD.items():
        plan = plan_of(full, statement, bounds, "EXPLAIN (ANALYZE, TIMING OFF)")
        read = [float(rows) for rows in re.findall(r"Scan.* on (?:triggers|schedules).*actual rows=([\d.]+)", plan)]
        assert not read or max(read) <= cap, f"{name}:\n{plan}"


def test_lines_tags_and_pauses_are_read_by_indexes_of_their_own(full: Connection, services: Services) -> None:
    """A line neither sorted nor filtered, however long it is; and an idle tick touches a page or two for pauses."""
    looking = plan_of(
        full, resuming.HOLD_OWNERS, {"now": services.clock.now(), "limit": 500}, "EXPLAIN (ANALYZE, BUFFERS)"
    )
    assert "ix_schedules_resume" in looking, looking
    touched = sum(int(pages) for pages in re.findall(r"^ *Buffers: shared hit=(\d+)", looking, re.MULTILINE)[:1])
    assert touched < 5, looking
    tagged = plan_of(
        full,
        narrowed(bulk.MATCHING, schedules.FILTERS, {"tag": "-"}),
        {"user": 1, "tag": "t90", "limit": 10_001},
    )
    assert "ix_schedules_tags" in tagged, tagged
    full.exec_driver_sql(
        "UPDATE triggers SET hold = 'limit', held_for = '', reason = '-', priority = id % 10"
        " WHERE status = 'scheduled' AND hold IS NULL"
    )
    full.exec_driver_sql("ANALYZE triggers")
    wanted = {"wanted_user_id": [1], "wanted_line": [""], "wanted_room": [7]}
    taken = plan_of(full, sharing.TAKE, wanted, "EXPLAIN (ANALYZE, TIMING OFF)")
    assert "ix_triggers_limited" in taken, taken
    assert "Sort" not in taken, taken
    assert "Rows Removed" not in taken, taken
