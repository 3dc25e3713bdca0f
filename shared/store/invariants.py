"""What must always hold, one SQL statement each: it selects what violates it, so an empty answer is a good one.

The cleaner runs them each minute and reports what they find; tests run them after their scenarios. ``:now`` is the
instant of the check; work that is late by less than ``:patience`` seconds is late, not lost. What ended before
``:since`` was checked before, so that a check reads what happened lately, by index, however much is stored; tests
look at everything. ``:newest`` bounds in the same way, by ids, what has no time to go by.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Text, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import JSONB

from shared.store.arrays import INSTANT
from shared.store.tables import cleaner_progress

# So many violations of one kind are reported at most: enough to see the pattern, and never a flood.
SHOWN = 20
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NEWEST = 200
EVERYTHING = 2**62

# What has fired and did not end before the last check: two ranges of partial indexes.
LATELY = """WITH lately AS NOT MATERIALIZED (
            SELECT * FROM triggers WHERE finished_at >= :since
            UNION ALL SELECT * FROM triggers WHERE status IN ('queued', 'executing')
        )"""

INVARIANTS: Mapping[str, str] = {
    # In the table the unique key says it; this is about what the cleaner made history.
    "I1 one trigger per schedule and due time, also among what has become history": """
        SELECT t.schedule_id AS id, 'due ' || t.due_at AS detail FROM lately AS t
        JOIN ledger l ON l.schedule_id = t.schedule_id AND l.due_at = t.due_at""",
    # Of fixed rates without jitter, because SQL can count them: each that fired is one interval after the one before.
    # Cron expressions and durations have no arithmetic here: tests/time compares what fires with what should.
    "I2 a fixed rate leaves no due time out": """
        SELECT t.schedule_id AS id, 'nothing between ' || before.due_at || ' and ' || t.due_at AS detail
        FROM lately AS t JOIN schedules s ON s.id = t.schedule_id
        CROSS JOIN LATERAL (
            SELECT b.due_at FROM triggers b
            WHERE b.schedule_id = s.id AND b.due_at < t.due_at AND b.due_at >= s.active_since
                AND b.kind <> 'manual' AND b.schedule_version = s.version
            ORDER BY b.due_at DESC LIMIT 1
        ) AS before
        WHERE s.schedule_status = 'processing' AND s.schedule_type = 'recurring' AND s.jitter_seconds = 0
            AND t.kind <> 'manual' AND t.due_at >= s.active_since AND t.schedule_version = s.version
            AND extract(epoch FROM t.due_at - before.due_at)
                > CASE WHEN s.schedule_value ~ '^[0-9]{1,9}$' THEN CAST(s.schedule_value AS bigint) END
                * CASE s.schedule_unit WHEN 'second' THEN 1 WHEN 'minute' THEN 60 WHEN 'hour' THEN 3600
                    WHEN 'day' THEN 86400 END
            AND NOT EXISTS (
                SELECT FROM ledger l
                WHERE l.schedule_id = s.id AND l.due_at > before.due_at AND l.due_at < t.due_at
            )""",
    # Of those that fired or were planned anew since then: a chain breaks where one of its runs is decided.
    "I3 an active recurring schedule has one planned trigger, an active relative one has one unfinished": """
        SELECT s.id, s.schedule_type || ' with ' || ahead.planned AS detail FROM schedules s
        CROSS JOIN LATERAL (
            SELECT count(*) AS planned FROM triggers t
            WHERE t.schedule_id = s.id AND t.status IN ('scheduled', 'queued', 'executing')
                AND t.kind = 'planned' AND t.redrives = 0
                AND (t.status = 'scheduled' AND t.attempt = 0 AND t.hold IS NULL OR s.schedule_type = 'relative')
        ) AS ahead
        WHERE s.schedule_status = 'processing' AND NOT s.exhausted AND s.schedule_type <> 'absolute'
            AND ahead.planned <> 1
            AND s.id IN (
                SELECT id FROM schedules WHERE schedule_status = 'processing' AND active_since >= :since
                UNION SELECT schedule_id FROM lately AS t
            )""",
    "I4 one live attempt per trigger: nobody recorded an attempt that was never claimed": """
        SELECT t.id, 'attempt ' || e.attempt || ' of ' || t.attempt AS detail
        FROM lately AS t JOIN job_executions e ON e.trigger_id = t.id WHERE e.attempt > t.attempt""",
    "I5 nothing is recorded for an attempt after the next one began, or after the end": """
        SELECT t.id, 'a job began at ' || e.started_at || ', the trigger ended at ' || t.finished_at AS detail
        FROM lately AS t JOIN job_executions e ON e.trigger_id = t.id
        WHERE t.status IN ('completed', 'failed') AND e.attempt = t.attempt AND e.started_at > t.finished_at""",
    # The transitions themselves are compare-and-set; these are the traces that a forbidden one would leave.
    "I6 a trigger shows the traces of every step that it must have taken, and of no other": """
        SELECT id, status || ': ' || trace AS detail
        FROM (
            SELECT id, status, CASE
                WHEN status IN ('executing', 'completed', 'failed') AND (attempt = 0 OR started_at IS NULL)
                    THEN 'it was never claimed'
                WHEN status IN ('executing', 'completed', 'failed') AND queued_at IS NULL THEN 'it was never queued'
                WHEN status = 'skipped' AND attempt > 0 THEN 'it was claimed ' || attempt || ' times'
                WHEN status IN ('completed', 'failed') AND finished_at < started_at THEN 'it ended before it began'
                WHEN status = 'completed' AND sending_job_id IS NOT NULL THEN 'a job is still being sent'
                WHEN redrives > 0 AND attempt = 0 THEN 'it was redriven and never ran'
                WHEN greatest(crashes, tries_after, results_after) > attempt THEN 'it counts attempts that never were'
                END AS trace
            FROM lately AS t
        ) AS traces
        WHERE trace IS NOT NULL""",
    # Statuses without such an instant are ruled out by CHECK constraints. What waits for its user's share goes on when
    # something else of that user ends.
    # A line moves as long as anything of its user ends, is tried, or leaves it to wait for a host.
    "I7 every unfinished trigger, and every pause that ends by itself, has something ahead that moves it on": """
        SELECT id, status || ', next at ' || event AS detail
        FROM (
            (SELECT id, status, next_attempt_at AS event FROM triggers
                WHERE status = 'scheduled' AND (hold IS NULL OR hold <> 'limit')
                    AND next_attempt_at < :now - make_interval(secs => :patience)
                ORDER BY next_attempt_at LIMIT 20)
            UNION ALL (SELECT id, status, resend_at FROM triggers
                WHERE status = 'queued' AND resend_at < :now - make_interval(secs => :patience)
                ORDER BY resend_at LIMIT 20)
            UNION ALL (SELECT id, status, lease_until FROM triggers
                WHERE status = 'executing' AND lease_until < :now - make_interval(secs => :patience)
                ORDER BY lease_until LIMIT 20)
            UNION ALL (SELECT id, 'paused schedule', resume_at FROM schedules
                WHERE resume_at < :now - make_interval(secs => :patience)
                ORDER BY resume_at LIMIT 20)
            UNION ALL SELECT waiting.id, waiting.status, waiting.next_attempt_at FROM users u
            CROSS JOIN LATERAL (
                SELECT id, status, next_attempt_at FROM triggers t
                WHERE t.user_id = u.id AND t.status = 'scheduled' AND t.hold = 'limit'
                    AND t.next_attempt_at < :now - make_interval(secs => :patience)
                LIMIT 1
            ) AS waiting
            WHERE NOT EXISTS (SELECT FROM triggers f WHERE f.user_id = u.id AND f.status IN ('queued', 'executing'))
                AND u.id NOT IN (
                    SELECT user_id FROM triggers WHERE finished_at >= :now - make_interval(secs => :patience))
                AND NOT EXISTS (SELECT FROM triggers b WHERE b.user_id = u.id AND b.hold = 'breaker'
                    AND b.started_at >= :now - make_interval(secs => :patience))
                AND coalesce((SELECT e.finished_at FROM job_executions e WHERE e.user_id = u.id
                    ORDER BY e.id DESC LIMIT 1) < :now - make_interval(secs => :patience), true)
        ) AS late""",
    # The key is made of the trigger's id and the job's, so all that could change is whose they are.
    "I8 an attempt is a repetition of the same occurrence: no trigger changes hands": """
        SELECT t.id, 'execution ' || e.id || ' is of another user' AS detail
        FROM lately AS t JOIN job_executions e ON e.trigger_id = t.id WHERE e.user_id <> t.user_id""",
    # Composite foreign keys say it of every row; this would notice if one of them were gone.
    "I9 rows of one user refer to rows of the same user": """
        SELECT j.id, 'job of a foreign action' AS detail
        FROM (SELECT * FROM jobs ORDER BY id DESC LIMIT :newest) AS j JOIN actions a ON a.id = j.action_id
        WHERE a.user_id <> j.user_id
        UNION ALL SELECT j.id, 'job of a foreign template'
        FROM (SELECT * FROM jobs ORDER BY id DESC LIMIT :newest) AS j JOIN job_templates p ON p.id = j.job_template_id
        WHERE p.user_id <> j.user_id
        UNION ALL SELECT s.id, 'schedule of a foreign action'
        FROM (SELECT * FROM schedules ORDER BY id DESC LIMIT :newest) AS s JOIN actions a ON a.id = s.action_id
        WHERE a.user_id <> s.user_id
        UNION ALL SELECT s.id, 'schedule of a foreign calendar'
        FROM (SELECT * FROM schedules ORDER BY id DESC LIMIT :newest) AS s
        CROSS JOIN LATERAL (SELECT * FROM schedule_calendars c WHERE c.schedule_id = s.id OFFSET 0) AS c
        JOIN calendars k ON k.id = c.calendar_id
        WHERE s.user_id <> c.user_id OR k.user_id <> c.user_id
        UNION ALL SELECT t.id, 'trigger of a foreign schedule' FROM lately AS t
        JOIN schedules s ON s.id = t.schedule_id WHERE s.user_id <> t.user_id""",
    # Of what is on its way, or fires within as long ahead as ``:since`` lies back.
    "I10 what was edited, paused or deleted is not going to fire by its old definition": """
        SELECT t.id, 'schedule ' || s.id || ' is ' || s.schedule_status || ', version ' || s.version AS detail
        FROM (
            SELECT * FROM triggers
            WHERE status = 'scheduled' AND (hold IS NULL OR hold <> 'limit')
                AND next_attempt_at <= :now + (:now - :since)
            UNION ALL SELECT * FROM triggers WHERE status = 'queued'
        ) AS t JOIN schedules s ON s.id = t.schedule_id
        WHERE s.version <> t.schedule_version OR s.deleted_at IS NOT NULL
            OR s.schedule_status = 'inactive' AND t.kind = 'planned' AND t.redrives = 0""",
}

CHECKED_UNTIL = select(cleaner_progress.c.checked_at)
CHECKED = update(cleaner_progress).values(
    checked_at=func.greatest(cleaner_progress.c.checked_at, bindparam("now", type_=INSTANT)),
    violations=bindparam("violations", type_=JSONB),
)
LAST_CHECK = select(cleaner_progress.c.checked_at, cleaner_progress.c.violations)
LIMIT_TIME = select(func.set_config("statement_timeout", bindparam("timeout"), True))


@dataclass(frozen=True, slots=True)
class Violation:
    """A row that should not be: which invariant, the id of its trigger or schedule, and what is wrong with it."""

    invariant: str
    id: int
    detail: str


def violations(
    connection: Connection, now: datetime, patience: float, since: datetime | None = None
) -> list[Violation]:
    """Everything that violates an invariant, up to ``SHOWN`` rows of each kind; ``patience`` in seconds."""
    return [found for name in INVARIANTS for found in violations_of(connection, name, now, patience, since)]


def violations_of(
    connection: Connection, name: str, now: datetime, patience: float, since: datetime | None = None
) -> list[Violation]:
    """What violates this one; without ``since`` everything is looked at."""
    query = statement(name, now, patience, since).columns(detail=Text)
    return [Violation(name, row.id, row.detail) for row in connection.execute(query)]


def statement(name: str, now: datetime, patience: float, since: datetime | None) -> Any:
    """An invariant, with everything that it asks for."""
    inner = INVARIANTS[name]
    with_lately = LATELY if " lately " in inner else ""
    query = f"{with_lately} SELECT id, CAST(detail AS text) AS detail FROM ({inner}) AS violation LIMIT {SHOWN}"  # noqa: S608 - constants
    bounds = {
        "now": bindparam("now", now, INSTANT),
        "since": bindparam("since", since or EPOCH, INSTANT),
        "patience": bindparam("patience", patience),
        "newest": bindparam("newest", NEWEST if since else EVERYTHING),
    }
    return text(query).bindparams(*(bound for asked, bound in bounds.items() if f":{asked}" in query))


def limit_time(connection: Connection, seconds: int) -> None:
    """Give up each statement of this transaction that takes longer."""
    connection.execute(LIMIT_TIME, {"timeout": f"{seconds}s"})


def checked_until(connection: Connection) -> datetime:
    """When the invariants were last held against what had happened."""
    instant: datetime = connection.execute(CHECKED_UNTIL).scalar_one()
    return instant


def mark_checked(connection: Connection, now: datetime, counts: Mapping[str, int]) -> None:
    """They were until now, and so many rows violated each: {"I1": 0, ...}."""
    connection.execute(CHECKED, {"now": now, "violations": dict(counts)})


def last_check(connection: Connection) -> tuple[datetime, Mapping[str, int]]:
    """When that was, and what it found."""
    row = connection.execute(LAST_CHECK).one()
    return row.checked_at, row.violations
