"""What must always hold, one SQL statement each: it selects what violates it, so an empty answer is a good one.

The cleaner runs them each minute and reports what they find; tests run them after their scenarios. ``:now`` is the
instant of the check; work that is late by less than ``:patience`` seconds is late, not lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Text, bindparam, text

from shared.store.arrays import INSTANT

# So many violations of one kind are reported at most: enough to see the pattern, and never a flood.
SHOWN = 20

INVARIANTS: Mapping[str, str] = {
    "I1 one trigger per schedule and due time, also among what has become history": """
        SELECT t.schedule_id AS id, 'due ' || t.due_at AS detail FROM triggers t
        JOIN ledger l ON l.schedule_id = t.schedule_id AND l.due_at = t.due_at""",
    "I2 a fixed rate leaves no due time out": """
        SELECT id, 'nothing between ' || previous || ' and ' || due_at AS detail
        FROM (
            SELECT s.id, t.due_at, lag(t.due_at) OVER (PARTITION BY s.id ORDER BY t.due_at) AS previous,
                CAST(s.schedule_value AS bigint) * CASE s.schedule_unit WHEN 'second' THEN 1 WHEN 'minute' THEN 60
                    WHEN 'hour' THEN 3600 ELSE 86400 END AS seconds
            FROM schedules s JOIN triggers t ON t.schedule_id = s.id AND t.kind <> 'manual'
            WHERE s.schedule_status = 'processing' AND s.schedule_type = 'recurring' AND s.jitter_seconds = 0
                AND s.schedule_unit IN ('second', 'minute', 'hour', 'day') AND s.schedule_value ~ '^[0-9]{1,9}$'
                AND t.due_at >= s.active_since AND t.schedule_version = s.version
        ) AS due
        WHERE extract(epoch FROM due_at - previous) > seconds
            AND NOT EXISTS (
                SELECT FROM ledger l WHERE l.schedule_id = id AND l.due_at > previous AND l.due_at < due.due_at
            )""",
    "I3 an active recurring schedule has one planned trigger, an active relative one has one unfinished": """
        SELECT s.id, s.schedule_type || ' with ' || count(t.id) AS detail FROM schedules s
        LEFT JOIN triggers t ON t.schedule_id = s.id AND t.kind = 'planned' AND (
            t.status = 'scheduled' AND t.attempt = 0 AND t.hold IS NULL
            OR s.schedule_type = 'relative' AND t.status IN ('scheduled', 'queued', 'executing'))
        WHERE s.schedule_status = 'processing' AND NOT s.exhausted AND s.schedule_type <> 'absolute'
        GROUP BY s.id HAVING count(t.id) <> 1""",
    "I4 one live attempt per trigger: nobody recorded an attempt that was never claimed": """
        SELECT t.id, 'attempt ' || e.attempt || ' of ' || t.attempt AS detail
        FROM job_executions e JOIN triggers t ON t.id = e.trigger_id WHERE e.attempt > t.attempt""",
    "I5 nothing is recorded for an attempt after the next one began, or after the end": """
        SELECT t.id, 'a job ended at ' || e.finished_at || ', the trigger at ' || t.finished_at AS detail
        FROM job_executions e JOIN triggers t ON t.id = e.trigger_id
        WHERE t.status = 'completed' AND e.attempt = t.attempt AND e.started_at > t.finished_at""",
    "I6 a trigger that was run was claimed, and one that was not was not": """
        SELECT id, status || ' after ' || attempt || ' attempts' AS detail FROM triggers
        WHERE status IN ('executing', 'completed', 'failed') AND (attempt = 0 OR started_at IS NULL)
            OR status = 'skipped' AND attempt > 0""",
    "I7 every unfinished trigger has something ahead that moves it on": """
        SELECT id, status || ', next at ' || coalesce(event, 'infinity') AS detail
        FROM (
            SELECT id, status, CASE status WHEN 'scheduled' THEN next_attempt_at WHEN 'queued' THEN resend_at
                ELSE lease_until END AS event
            FROM triggers WHERE status IN ('scheduled', 'queued', 'executing')
                -- What waits for its user's share goes on when something else of that user ends.
                AND (hold IS DISTINCT FROM 'limit' OR user_id NOT IN (
                    SELECT user_id FROM triggers WHERE status IN ('queued', 'executing')
                    UNION SELECT user_id FROM triggers
                    WHERE finished_at >= :now - make_interval(secs => :patience)))
        ) AS unfinished
        WHERE event IS NULL OR event < :now - make_interval(secs => :patience)""",
    "I8 an attempt is a repetition of the same occurrence: no trigger changes hands": """
        SELECT t.id, 'execution ' || e.id || ' is of another user' AS detail
        FROM job_executions e JOIN triggers t ON t.id = e.trigger_id WHERE e.user_id <> t.user_id""",
    "I9 rows of one user refer to rows of the same user": """
        SELECT j.id, 'job of a foreign action' AS detail FROM jobs j JOIN actions a ON a.id = j.action_id
        WHERE a.user_id <> j.user_id
        UNION ALL SELECT s.id, 'schedule of a foreign action' FROM schedules s JOIN actions a ON a.id = s.action_id
        WHERE a.user_id <> s.user_id
        UNION ALL SELECT t.id, 'trigger of a foreign schedule' FROM triggers t JOIN schedules s ON s.id = t.schedule_id
        WHERE s.user_id <> t.user_id
        UNION ALL SELECT j.id, 'job of a foreign template' FROM jobs j JOIN job_templates p ON p.id = j.job_template_id
        WHERE p.user_id <> j.user_id
        UNION ALL SELECT s.id, 'schedule of a foreign calendar' FROM schedule_calendars c
        JOIN schedules s ON s.id = c.schedule_id JOIN calendars k ON k.id = c.calendar_id
        WHERE s.user_id <> c.user_id OR k.user_id <> c.user_id""",
    "I10 what was edited, paused or deleted is not going to fire by its old definition": """
        SELECT t.id, 'schedule ' || s.id || ' is ' || s.schedule_status || ', version ' || s.version AS detail
        FROM triggers t JOIN schedules s ON s.id = t.schedule_id
        WHERE t.status IN ('scheduled', 'queued') AND (
            s.version <> t.schedule_version OR s.deleted_at IS NOT NULL
            OR s.schedule_status = 'inactive' AND t.kind = 'planned')""",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """A row that should not be: which invariant, the id of its trigger or schedule, and what is wrong with it."""

    invariant: str
    id: int
    detail: str


def violations(connection: Connection, now: datetime, patience: float) -> list[Violation]:
    """Everything that violates an invariant, up to ``SHOWN`` rows of each kind; ``patience`` in seconds."""
    found = []
    for name, statement in INVARIANTS.items():
        query = text(f"SELECT id, CAST(detail AS text) AS detail FROM ({statement}) AS violation LIMIT {SHOWN}")  # noqa: S608 - constants
        if ":now" in statement:
            query = query.bindparams(bindparam("now", now, INSTANT), bindparam("patience", patience))
        found += [Violation(name, row.id, row.detail) for row in connection.execute(query.columns(detail=Text))]
    return found
