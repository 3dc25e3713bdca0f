"""What to do: actions, their jobs, and the catalogue of job types."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.store.tables.columns import identity, instant, metadata, one_of

actions = Table(
    "actions",
    metadata,
    identity(),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text),
    instant("created_at", required=True),
    instant("updated_at", required=True),
    UniqueConstraint("user_id", "id"),
)

job_templates = Table(
    "job_templates",
    metadata,
    identity(),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE")),
    # 0 stands for "built in", so that one foreign key can say "built in, or of the same user".
    Column("owner_id", BigInteger, Computed("coalesce(user_id, 0)", persisted=True), nullable=False),
    Column("name", Text, nullable=False),
    Column("job_type", Text, nullable=False),
    Column("description", Text),
    Column("input_schema", JSONB, nullable=False, server_default=text("'{}'")),
    Column("default_input", JSONB, nullable=False, server_default=text("'{}'")),
    instant("created_at", required=True),
    instant("updated_at", required=True),
    UniqueConstraint("owner_id", "name"),
    UniqueConstraint("owner_id", "id"),
)

jobs = Table(
    "jobs",
    metadata,
    identity(),
    Column("user_id", BigInteger, nullable=False),
    Column("action_id", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("job_type", Text, nullable=False),
    Column("job_template_id", BigInteger, nullable=False),
    Column("job_template_owner_id", BigInteger, nullable=False),
    Column("job_input_type", Text, nullable=False),
    Column("job_input_value", JSONB, nullable=False, server_default=text("'{}'")),
    Column("condition", JSONB(none_as_null=True)),
    Column("is_root_job", Boolean, nullable=False),
    Column("job_timeout_in_secs", Integer, nullable=False),
    # How often it is tried again, when, and after which failures; without it a failure is final.
    Column("retry", JSONB(none_as_null=True)),
    Column("delivery", Text, nullable=False, server_default=text("'at_least_once'")),
    # host:port that it calls, where its input says so without being computed.
    Column("host", Text),
    # What runs once this one has failed for good; that it is of the same action is seen to while the action is locked.
    Column("on_failure_job_id", BigInteger),
    instant("created_at", required=True),
    instant("updated_at", required=True),
    UniqueConstraint("user_id", "id"),
    UniqueConstraint("action_id", "name"),
    ForeignKeyConstraint(["user_id", "action_id"], ["actions.user_id", "actions.id"], ondelete="CASCADE"),
    ForeignKeyConstraint(["user_id", "on_failure_job_id"], ["jobs.user_id", "jobs.id"]),
    ForeignKeyConstraint(["job_template_owner_id", "job_template_id"], ["job_templates.owner_id", "job_templates.id"]),
    CheckConstraint("job_template_owner_id IN (0, user_id)", name="job_template_owner"),
    CheckConstraint("job_timeout_in_secs BETWEEN 1 AND 600", name="job_timeout"),
    CheckConstraint("on_failure_job_id <> id", name="on_failure"),
    one_of("job_input_type", "static_input", "job_output_as_input", "job_input_as_template"),
    one_of("delivery", "at_least_once", "at_most_once"),
)
Index("uq_jobs_root", jobs.c.action_id, unique=True, postgresql_where=text("is_root_job"))
Index("ix_jobs_on_failure", jobs.c.on_failure_job_id, postgresql_where=text("on_failure_job_id IS NOT NULL"))
