"""What was answered to requests that may be sent again."""

from sqlalchemy import (
    TIMESTAMP,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Uuid,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.store.tables.columns import metadata

# One row for each key that a user has sent within the last day.
kept_answers = Table(
    "kept_answers",
    metadata,
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("key", Text, nullable=False),
    # A hash: requests hold what is nobody's to read.
    Column("request", Text, nullable=False),
    # Who works on it: another one after each time that the key was free.
    Column("claim", Uuid, nullable=False, server_default=func.gen_random_uuid()),
    # None while somebody works on it.
    Column("status", SmallInteger),
    Column("headers", JSONB),
    # None also for an answer that nobody may read twice.
    Column("body", Text),
    # From then on the key is free: an answer was kept for long enough, or whoever worked on it must be dead.
    Column("expires_at", TIMESTAMP(timezone=True), nullable=False),
    PrimaryKeyConstraint("user_id", "key"),
    CheckConstraint("length(key) BETWEEN 1 AND 200", name="key"),
    CheckConstraint("status BETWEEN 200 AND 499", name="status"),
    CheckConstraint("status IS NOT NULL OR headers IS NULL AND body IS NULL", name="answer"),
)
Index("ix_kept_answers_expires_at", kept_answers.c.expires_at)
