"""Retries, dead letters, overlap and catch-up policies, breakers, and each user's share.

Revision ID: 0002
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = """
ALTER TABLE schedules
    ADD COLUMN overlap TEXT DEFAULT 'allow' NOT NULL,
    ADD COLUMN catch_up TEXT DEFAULT 'latest' NOT NULL,
    ADD COLUMN catch_up_window_seconds INTEGER,
    ADD COLUMN caught_up INTEGER DEFAULT 0 NOT NULL,
    ADD CONSTRAINT ck_schedules_overlap CHECK (overlap
        IN ('skip', 'buffer_one', 'buffer_all', 'allow', 'cancel_running')),
    ADD CONSTRAINT ck_schedules_catch_up CHECK (catch_up IN ('none', 'latest', 'all')),
    ADD CONSTRAINT ck_schedules_catch_up_window CHECK (catch_up_window_seconds BETWEEN 0 AND 2592000);
ALTER TABLE jobs
    ADD COLUMN retry JSONB,
    ADD COLUMN delivery TEXT DEFAULT 'at_least_once' NOT NULL,
    ADD COLUMN host TEXT,
    ADD CONSTRAINT ck_jobs_delivery CHECK (delivery IN ('at_least_once', 'at_most_once'));
ALTER TABLE job_executions ADD COLUMN failure TEXT;
ALTER TABLE triggers
    ADD COLUMN pack BIGINT,
    ADD COLUMN hold TEXT,
    ADD COLUMN held_for TEXT,
    ADD COLUMN crashes SMALLINT DEFAULT 0 NOT NULL,
    ADD COLUMN sending_job_id BIGINT,
    ADD COLUMN redrives SMALLINT DEFAULT 0 NOT NULL,
    ADD COLUMN tries_after SMALLINT DEFAULT 0 NOT NULL,
    ADD COLUMN results_after SMALLINT DEFAULT 0 NOT NULL,
    ADD COLUMN job_inputs JSONB,
    ADD COLUMN discarded_at timestamptz,
    ADD CONSTRAINT ck_triggers_hold CHECK (hold IN ('overlap', 'breaker', 'limit')),
    ADD CONSTRAINT ck_triggers_held CHECK (hold IS NULL OR status = 'scheduled' AND reason IS NOT NULL),
    ADD CONSTRAINT ck_triggers_held_for CHECK ((held_for IS NOT NULL)
        = (hold IS NOT NULL AND hold IN ('breaker', 'limit'))),
    ADD CONSTRAINT ck_triggers_discarded CHECK (discarded_at IS NULL OR status = 'failed');
DROP INDEX ix_triggers_due;
CREATE INDEX ix_triggers_due ON triggers (next_attempt_at)
    WHERE status = 'scheduled' AND (hold IS NULL OR hold <> 'limit');
CREATE INDEX ix_triggers_limited ON triggers (user_id, held_for, next_attempt_at, id)
    WHERE status = 'scheduled' AND hold = 'limit';
CREATE INDEX ix_triggers_held_for ON triggers (user_id, held_for, due_at) WHERE hold = 'breaker';
CREATE INDEX ix_triggers_in_flight ON triggers (user_id, pack) WHERE status IN ('queued', 'executing');
CREATE INDEX ix_triggers_dead ON triggers (user_id, id) WHERE status = 'failed' AND discarded_at IS NULL;
CREATE INDEX ix_triggers_dead_since ON triggers (user_id, finished_at) WHERE status = 'failed' AND discarded_at IS NULL;
CREATE INDEX ix_triggers_discarded ON triggers (discarded_at) WHERE discarded_at IS NOT NULL;
DROP INDEX uq_triggers_planned;
CREATE UNIQUE INDEX uq_triggers_planned ON triggers (schedule_id)
    WHERE status = 'scheduled' AND attempt = 0 AND kind = 'planned' AND hold IS NULL;
CREATE TABLE breakers (
    user_id BIGINT NOT NULL,
    host TEXT NOT NULL,
    state TEXT DEFAULT 'closed' NOT NULL,
    failures INTEGER DEFAULT 0 NOT NULL,
    last_error TEXT,
    opens SMALLINT DEFAULT 0 NOT NULL,
    opened_at timestamptz,
    probe_at timestamptz,
    probe_trigger_id BIGINT,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_breakers PRIMARY KEY (user_id, host),
    CONSTRAINT ck_breakers_state CHECK (state IN ('closed', 'open', 'half_open')),
    CONSTRAINT ck_breakers_probe CHECK (state = 'closed' OR probe_at IS NOT NULL),
    CONSTRAINT fk_breakers_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX ix_breakers_known ON breakers (user_id, state DESC) WHERE state <> 'closed' OR failures > 0;
CREATE INDEX ix_breakers_probe ON breakers (probe_at) WHERE state <> 'closed';
CREATE TABLE dead_messages (
    message_id TEXT NOT NULL,
    body TEXT NOT NULL,
    trigger_ids BIGINT[] NOT NULL,
    receives INTEGER NOT NULL,
    received_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_dead_messages PRIMARY KEY (message_id)
);
CREATE INDEX ix_dead_messages_received_at ON dead_messages (received_at);
CREATE INDEX ix_dead_messages_triggers ON dead_messages USING gin (trigger_ids) WITH (fastupdate = off);
CREATE INDEX ix_schedules_active ON schedules (active_since) WHERE schedule_status = 'processing';
ALTER TABLE cleaner_progress
    ADD COLUMN discarded_at timestamptz DEFAULT 'epoch' NOT NULL,
    ADD COLUMN user_id BIGINT DEFAULT 0 NOT NULL,
    ADD COLUMN checked_at timestamptz DEFAULT 'epoch' NOT NULL;
ALTER TABLE breakers SET (fillfactor = 50);
"""


def upgrade() -> None:
    """Add what reliability needs; nothing that stands is rewritten."""
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.get_bind().exec_driver_sql(statement)
