"""The first tables.

The SQL is frozen here; shared/store/tables describes what all migrations together lead to, and a test compares the two.

Revision ID: 0001
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE creator_lease (
    id SMALLINT NOT NULL,
    epoch BIGINT DEFAULT 0 NOT NULL,
    holder TEXT,
    taken_at timestamptz,
    CONSTRAINT pk_creator_lease PRIMARY KEY (id),
    CONSTRAINT ck_creator_lease_one_row CHECK (id = 1)
);

CREATE TABLE cleaner_progress (
    id SMALLINT NOT NULL,
    execution_id BIGINT DEFAULT 0 NOT NULL,
    finished_at timestamptz DEFAULT 'epoch' NOT NULL,
    CONSTRAINT pk_cleaner_progress PRIMARY KEY (id),
    CONSTRAINT ck_cleaner_progress_one_row CHECK (id = 1)
);

CREATE TABLE virtual_clock (
    id SMALLINT NOT NULL,
    real_at timestamptz NOT NULL,
    virtual_at timestamptz NOT NULL,
    speed INTEGER NOT NULL,
    CONSTRAINT pk_virtual_clock PRIMARY KEY (id),
    CONSTRAINT ck_virtual_clock_one_row CHECK (id = 1),
    CONSTRAINT ck_virtual_clock_speed CHECK (speed BETWEEN 1 AND 3600)
);

CREATE TABLE heartbeats (
    service TEXT NOT NULL,
    instance TEXT NOT NULL,
    version TEXT NOT NULL,
    started_at timestamptz DEFAULT now() NOT NULL,
    beat_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_heartbeats PRIMARY KEY (service, instance)
);

CREATE TABLE plans (
    id INTEGER NOT NULL,
    name TEXT NOT NULL,
    max_schedules INTEGER NOT NULL,
    min_interval_seconds INTEGER NOT NULL,
    max_in_flight INTEGER NOT NULL,
    history_days INTEGER NOT NULL,
    CONSTRAINT pk_plans PRIMARY KEY (id),
    CONSTRAINT uq_plans_name UNIQUE (name)
);

CREATE TABLE users (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    username TEXT NOT NULL,
    email TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    plan_id INTEGER DEFAULT 1 NOT NULL,
    first_name TEXT,
    last_name TEXT,
    address TEXT,
    city TEXT,
    state TEXT,
    country TEXT,
    zip_code TEXT,
    phone TEXT,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_users PRIMARY KEY (id),
    CONSTRAINT fk_users_plan_id FOREIGN KEY(plan_id) REFERENCES plans (id)
);

CREATE UNIQUE INDEX uq_users_email ON users (lower(email));
CREATE UNIQUE INDEX uq_users_username ON users (lower(username));
CREATE TABLE actions (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    user_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_actions PRIMARY KEY (id),
    CONSTRAINT uq_actions_user_id_id UNIQUE (user_id, id),
    CONSTRAINT fk_actions_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE TABLE job_templates (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    user_id BIGINT,
    owner_id BIGINT GENERATED ALWAYS AS (coalesce(user_id, 0)) STORED NOT NULL,
    name TEXT NOT NULL,
    job_type TEXT NOT NULL,
    description TEXT,
    input_schema JSONB DEFAULT '{}' NOT NULL,
    default_input JSONB DEFAULT '{}' NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_job_templates PRIMARY KEY (id),
    CONSTRAINT uq_job_templates_owner_id_name UNIQUE (owner_id, name),
    CONSTRAINT uq_job_templates_owner_id_id UNIQUE (owner_id, id),
    CONSTRAINT fk_job_templates_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE TABLE jobs (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    user_id BIGINT NOT NULL,
    action_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    job_type TEXT NOT NULL,
    job_template_id BIGINT NOT NULL,
    job_template_owner_id BIGINT NOT NULL,
    job_input_type TEXT NOT NULL,
    job_input_value JSONB DEFAULT '{}' NOT NULL,
    condition JSONB,
    is_root_job BOOLEAN NOT NULL,
    job_timeout_in_secs INTEGER NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_jobs PRIMARY KEY (id),
    CONSTRAINT uq_jobs_user_id_id UNIQUE (user_id, id),
    CONSTRAINT uq_jobs_action_id_name UNIQUE (action_id, name),
    CONSTRAINT fk_jobs_user_id_action_id FOREIGN KEY(user_id, action_id) REFERENCES actions (user_id, id)
        ON DELETE CASCADE,
    CONSTRAINT fk_jobs_job_template_owner_id_job_template_id
        FOREIGN KEY(job_template_owner_id, job_template_id) REFERENCES job_templates (owner_id, id),
    CONSTRAINT ck_jobs_job_template_owner CHECK (job_template_owner_id IN (0, user_id)),
    CONSTRAINT ck_jobs_job_timeout CHECK (job_timeout_in_secs BETWEEN 1 AND 600),
    CONSTRAINT ck_jobs_job_input_type CHECK (job_input_type
        IN ('static_input', 'job_output_as_input', 'job_input_as_template'))
);

CREATE UNIQUE INDEX uq_jobs_root ON jobs (action_id) WHERE is_root_job;
CREATE TABLE schedules (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    user_id BIGINT NOT NULL,
    action_id BIGINT,
    name TEXT NOT NULL,
    description TEXT,
    schedule_type TEXT NOT NULL,
    schedule_value TEXT NOT NULL,
    schedule_unit TEXT,
    timezone TEXT DEFAULT 'UTC' NOT NULL,
    schedule_status TEXT DEFAULT 'pending' NOT NULL,
    status_note TEXT,
    anchor timestamptz DEFAULT now() NOT NULL,
    starts_at timestamptz,
    ends_at timestamptz,
    dst_gap TEXT,
    dst_fold TEXT,
    jitter_seconds INTEGER DEFAULT 0 NOT NULL,
    shift TEXT,
    max_runs INTEGER,
    runs INTEGER DEFAULT 0 NOT NULL,
    active_since timestamptz DEFAULT now() NOT NULL,
    exhausted BOOLEAN DEFAULT false NOT NULL,
    input JSONB DEFAULT '{}' NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    deleted_at timestamptz,
    CONSTRAINT pk_schedules PRIMARY KEY (id),
    CONSTRAINT uq_schedules_user_id_id UNIQUE (user_id, id),
    CONSTRAINT fk_schedules_user_id_action_id FOREIGN KEY(user_id, action_id) REFERENCES actions (user_id, id)
        ON DELETE SET NULL (action_id),
    CONSTRAINT ck_schedules_action CHECK (action_id IS NOT NULL OR deleted_at IS NOT NULL),
    CONSTRAINT ck_schedules_deleted CHECK (deleted_at IS NULL OR schedule_status = 'inactive'),
    CONSTRAINT ck_schedules_unit CHECK (schedule_type = 'absolute' OR schedule_unit IS NOT NULL),
    CONSTRAINT ck_schedules_max_runs CHECK (max_runs > 0),
    CONSTRAINT ck_schedules_schedule_type CHECK (schedule_type IN ('absolute', 'recurring', 'relative')),
    CONSTRAINT ck_schedules_schedule_unit CHECK (schedule_unit
        IN ('second', 'minute', 'hour', 'day', 'cron', 'duration')),
    CONSTRAINT ck_schedules_dst_gap CHECK (dst_gap IN ('run_after', 'skip')),
    CONSTRAINT ck_schedules_dst_fold CHECK (dst_fold IN ('first', 'last', 'both')),
    CONSTRAINT ck_schedules_shift CHECK (shift IN ('next', 'previous')),
    CONSTRAINT ck_schedules_jitter_seconds CHECK (jitter_seconds BETWEEN 0 AND 86400),
    CONSTRAINT ck_schedules_schedule_status CHECK (schedule_status
        IN ('pending', 'processing', 'processed', 'inactive')),
    CONSTRAINT fk_schedules_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE INDEX ix_schedules_action ON schedules (action_id);
CREATE INDEX ix_schedules_deleted ON schedules (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX ix_schedules_ending ON schedules (id) WHERE schedule_status = 'processing' AND exhausted;
CREATE INDEX ix_schedules_pending ON schedules (id) WHERE schedule_status = 'pending';
CREATE INDEX ix_schedules_user ON schedules (user_id, id) WHERE deleted_at IS NULL;
CREATE TABLE calendars (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    user_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    timezone TEXT DEFAULT 'UTC' NOT NULL,
    definition JSONB DEFAULT '{}' NOT NULL,
    exclusions JSONB DEFAULT '{}' NOT NULL,
    expanded_until timestamptz DEFAULT now() NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_calendars PRIMARY KEY (id),
    CONSTRAINT uq_calendars_user_id_id UNIQUE (user_id, id),
    CONSTRAINT uq_calendars_user_id_name UNIQUE (user_id, name),
    CONSTRAINT fk_calendars_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE TABLE schedule_calendars (
    user_id BIGINT NOT NULL,
    schedule_id BIGINT NOT NULL,
    calendar_id BIGINT NOT NULL,
    CONSTRAINT pk_schedule_calendars PRIMARY KEY (schedule_id, calendar_id),
    CONSTRAINT fk_schedule_calendars_user_id_schedule_id FOREIGN KEY(user_id, schedule_id)
        REFERENCES schedules (user_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_schedule_calendars_user_id_calendar_id FOREIGN KEY(user_id, calendar_id)
        REFERENCES calendars (user_id, id)
);

CREATE INDEX ix_schedule_calendars_calendar ON schedule_calendars (calendar_id);
CREATE TABLE ledger (
    user_id BIGINT NOT NULL,
    schedule_id BIGINT NOT NULL,
    due_at timestamptz NOT NULL,
    kind TEXT DEFAULT 'planned' NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    attempt SMALLINT NOT NULL,
    started_at timestamptz,
    finished_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT pk_ledger PRIMARY KEY (schedule_id, due_at),
    CONSTRAINT fk_ledger_user_id_schedule_id FOREIGN KEY(user_id, schedule_id)
        REFERENCES schedules (user_id, id) ON DELETE CASCADE,
    CONSTRAINT ck_ledger_kind CHECK (kind IN ('planned', 'manual', 'backfill')),
    CONSTRAINT ck_ledger_status CHECK (status IN ('completed', 'failed', 'skipped', 'cancelled'))
);

CREATE INDEX ix_ledger_expires_at ON ledger (expires_at);
CREATE TABLE triggers (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    user_id BIGINT NOT NULL,
    schedule_id BIGINT NOT NULL,
    action_id BIGINT,
    due_at timestamptz NOT NULL,
    schedule_version INTEGER NOT NULL,
    status TEXT DEFAULT 'scheduled' NOT NULL,
    reason TEXT,
    kind TEXT DEFAULT 'planned' NOT NULL,
    input JSONB,
    attempt SMALLINT DEFAULT 0 NOT NULL,
    next_attempt_at timestamptz NOT NULL,
    resend_at timestamptz,
    sends SMALLINT DEFAULT 0 NOT NULL,
    alone BOOLEAN DEFAULT false NOT NULL,
    lease_until timestamptz,
    created_at timestamptz DEFAULT now() NOT NULL,
    queued_at timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    CONSTRAINT pk_triggers PRIMARY KEY (id),
    CONSTRAINT uq_triggers_user_id_id UNIQUE (user_id, id),
    CONSTRAINT uq_triggers_schedule_id_due_at UNIQUE (schedule_id, due_at),
    CONSTRAINT fk_triggers_user_id_schedule_id FOREIGN KEY(user_id, schedule_id)
        REFERENCES schedules (user_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_triggers_user_id_action_id FOREIGN KEY(user_id, action_id) REFERENCES actions (user_id, id)
        ON DELETE SET NULL (action_id),
    CONSTRAINT ck_triggers_status CHECK (status
        IN ('scheduled', 'queued', 'executing', 'completed', 'failed', 'skipped', 'cancelled')),
    CONSTRAINT ck_triggers_kind CHECK (kind IN ('planned', 'manual', 'backfill')),
    CONSTRAINT ck_triggers_queued_is_sent_again CHECK (status <> 'queued' OR resend_at IS NOT NULL),
    CONSTRAINT ck_triggers_executing_has_a_lease CHECK (status <> 'executing' OR lease_until IS NOT NULL),
    CONSTRAINT ck_triggers_finished CHECK ((status
        IN ('completed', 'failed', 'skipped', 'cancelled')) = (finished_at IS NOT NULL)),
    CONSTRAINT ck_triggers_reason CHECK (status NOT IN ('failed', 'skipped') OR reason IS NOT NULL)
);

CREATE INDEX ix_triggers_backfill ON triggers (user_id, next_attempt_at)
    WHERE status = 'scheduled' AND kind = 'backfill';
CREATE INDEX ix_triggers_due ON triggers (next_attempt_at) WHERE status = 'scheduled';
CREATE INDEX ix_triggers_finished ON triggers (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX ix_triggers_lease ON triggers (lease_until) WHERE status = 'executing';
CREATE INDEX ix_triggers_resend ON triggers (resend_at) WHERE status = 'queued';
CREATE INDEX ix_triggers_unfinished ON triggers (schedule_id) WHERE status
    IN ('scheduled', 'queued', 'executing');
CREATE UNIQUE INDEX uq_triggers_planned ON triggers (schedule_id)
    WHERE status = 'scheduled' AND attempt = 0 AND kind = 'planned';
CREATE TABLE job_executions (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    user_id BIGINT NOT NULL,
    trigger_id BIGINT NOT NULL,
    job_id BIGINT,
    job_name TEXT NOT NULL,
    job_type TEXT NOT NULL,
    attempt SMALLINT NOT NULL,
    status TEXT NOT NULL,
    error TEXT,
    input JSONB,
    output JSONB,
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    CONSTRAINT pk_job_executions PRIMARY KEY (id),
    CONSTRAINT fk_job_executions_user_id_trigger_id FOREIGN KEY(user_id, trigger_id)
        REFERENCES triggers (user_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_job_executions_user_id_job_id FOREIGN KEY(user_id, job_id) REFERENCES jobs (user_id, id)
        ON DELETE SET NULL (job_id),
    CONSTRAINT ck_job_executions_status CHECK (status IN ('completed', 'failed')),
    CONSTRAINT ck_job_executions_error CHECK (status <> 'failed' OR error IS NOT NULL)
);

CREATE INDEX ix_job_executions_failed ON job_executions (job_id, id) WHERE status = 'failed';
CREATE INDEX ix_job_executions_job ON job_executions (job_id, id);
CREATE INDEX ix_job_executions_user ON job_executions (user_id, id);
CREATE UNIQUE INDEX uq_job_executions_attempt ON job_executions (trigger_id, attempt, job_id);
"""

# Rows that are written four times within seconds: leave room on their pages for HOT updates, and vacuum by count and
# not by share, or a table of a million future rows would wait for 200,000 dead ones.
STORAGE = """
ALTER TABLE triggers SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02,
    autovacuum_vacuum_cost_delay = 1);
ALTER TABLE schedules SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01);
ALTER TABLE job_executions SET (autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE heartbeats SET (fillfactor = 50);
ALTER TABLE creator_lease SET (fillfactor = 50);
INSERT INTO creator_lease (id) VALUES (1);
INSERT INTO cleaner_progress (id) VALUES (1);
"""


def upgrade() -> None:
    """Make every table."""
    for statement in (TABLES + STORAGE).split(";\n"):
        if statement.strip():
            op.get_bind().exec_driver_sql(statement)
