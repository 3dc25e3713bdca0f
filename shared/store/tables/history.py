"""What was done: job executions, and what remains of old triggers."""

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.store.tables.columns import identity, instant, metadata, one_of

job_executions = Table(
    "job_executions",
    metadata,
    identity(),
    Column("user_id", BigInteger, nullable=False),
    Column("trigger_id", BigInteger, nullable=False),
    Column("job_id", BigInteger),
    Column("job_name", Text, nullable=False),
    Column("job_type", Text, nullable=False),
    Column("attempt", SmallInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("error", Text),
    # What kind of failure it was: what a retry policy chooses by.
    Column("failure", Text),
    Column("input", JSONB),
    Column("output", JSONB),
    # A failure after which the job is not tried again by itself: what follows from it follows in every later attempt.
    Column("final", Boolean, nullable=False, server_default=text("false")),
    Column("started_at", TIMESTAMP(timezone=True), nullable=False),
    Column("finished_at", TIMESTAMP(timezone=True), nullable=False),
    ForeignKeyConstraint(["user_id", "trigger_id"], ["triggers.user_id", "triggers.id"], ondelete="CASCADE"),
    ForeignKeyConstraint(["user_id", "job_id"], ["jobs.user_id", "jobs.id"], ondelete="SET NULL (job_id)"),
    one_of("status", "completed", "failed"),
    CheckConstraint("status <> 'failed' OR error IS NOT NULL", name="error"),
)
Index("ix_job_executions_job", job_executions.c.job_id, job_executions.c.id)
Index(
    "ix_job_executions_failed",
    job_executions.c.job_id,
    job_executions.c.id,
    postgresql_where=text("status = 'failed'"),
)
# One record per attempt of a job: a report that is written twice is written once.
Index(
    "uq_job_executions_attempt",
    job_executions.c.trigger_id,
    job_executions.c.attempt,
    job_executions.c.job_id,
    unique=True,
)
Index("ix_job_executions_user", job_executions.c.user_id, job_executions.c.id)

# What remains of a trigger once its details are gone: enough to say what became of each occurrence.
ledger = Table(
    "ledger",
    metadata,
    Column("user_id", BigInteger, nullable=False),
    Column("schedule_id", BigInteger, nullable=False),
    Column("due_at", TIMESTAMP(timezone=True), nullable=False),
    Column("kind", Text, nullable=False, server_default=text("'planned'")),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("attempt", SmallInteger, nullable=False),
    instant("started_at"),
    Column("finished_at", TIMESTAMP(timezone=True), nullable=False),
    # As long as the owner's plan keeps history.
    Column("expires_at", TIMESTAMP(timezone=True), nullable=False),
    PrimaryKeyConstraint("schedule_id", "due_at"),
    ForeignKeyConstraint(["user_id", "schedule_id"], ["schedules.user_id", "schedules.id"], ondelete="CASCADE"),
    one_of("kind", "planned", "manual", "backfill"),
    one_of("status", "completed", "failed", "skipped", "cancelled"),
)
Index("ix_ledger_expires_at", ledger.c.expires_at)
