"""When to do it: schedules, and their occurrences."""

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared.store.tables.columns import identity, instant, metadata, one_of

schedules = Table(
    "schedules",
    metadata,
    identity(),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("action_id", BigInteger),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column("schedule_type", Text, nullable=False),
    Column("schedule_value", Text, nullable=False),
    Column("schedule_unit", Text),
    Column("timezone", Text, nullable=False, server_default=text("'UTC'")),
    Column("schedule_status", Text, nullable=False, server_default=text("'pending'")),
    Column("status_note", Text),
    # Of a pause: what its user says of it, and when it is over by itself.
    Column("pause_note", Text),
    instant("resume_at"),
    Column("tags", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    # Who goes first among what waits for its user's share: the highest.
    Column("priority", SmallInteger, nullable=False, server_default=text("5")),
    instant("anchor", required=True),
    instant("starts_at"),
    instant("ends_at"),
    Column("dst_gap", Text),
    Column("dst_fold", Text),
    Column("jitter_seconds", Integer, nullable=False, server_default=text("0")),
    Column("shift", Text),
    Column("max_runs", Integer),
    Column("runs", Integer, nullable=False, server_default=text("0")),
    # What a run that is still going on means for the next one, and what becomes of runs whose time has passed.
    Column("overlap", Text, nullable=False, server_default=text("'allow'")),
    Column("catch_up", Text, nullable=False, server_default=text("'latest'")),
    Column("catch_up_window_seconds", Integer),
    # Late runs since the last one on time: the cap of a catch-up counts them.
    Column("caught_up", Integer, nullable=False, server_default=text("0")),
    # Occurrences after this instant are Cronny's to account for: creation, resumption or the last edit.
    instant("active_since", required=True),
    # Whether nothing follows what is planned: the last trigger to end makes such a schedule `processed`.
    Column("exhausted", Boolean, nullable=False, server_default=text("false")),
    Column("input", JSONB, nullable=False, server_default=text("'{}'")),
    Column("version", Integer, nullable=False, server_default=text("1")),
    instant("created_at", required=True),
    instant("updated_at", required=True),
    instant("deleted_at"),
    UniqueConstraint("user_id", "id"),
    ForeignKeyConstraint(["user_id", "action_id"], ["actions.user_id", "actions.id"], ondelete="SET NULL (action_id)"),
    CheckConstraint("action_id IS NOT NULL OR deleted_at IS NOT NULL", name="action"),
    CheckConstraint("deleted_at IS NULL OR schedule_status = 'inactive'", name="deleted"),
    CheckConstraint("schedule_type = 'absolute' OR schedule_unit IS NOT NULL", name="unit"),
    CheckConstraint("max_runs > 0", name="max_runs"),
    CheckConstraint("resume_at IS NULL OR schedule_status = 'inactive' AND deleted_at IS NULL", name="resumed"),
    CheckConstraint("cardinality(tags) <= 20", name="tags"),
    CheckConstraint("priority BETWEEN 0 AND 9", name="priority"),
    one_of("schedule_type", "absolute", "recurring", "relative"),
    one_of("schedule_unit", "second", "minute", "hour", "day", "cron", "duration"),
    one_of("dst_gap", "run_after", "skip"),
    one_of("dst_fold", "first", "last", "both"),
    one_of("shift", "next", "previous"),
    CheckConstraint("jitter_seconds BETWEEN 0 AND 86400", name="jitter_seconds"),
    one_of("schedule_status", "pending", "processing", "processed", "inactive"),
    one_of("overlap", "skip", "buffer_one", "buffer_all", "allow", "cancel_running"),
    one_of("catch_up", "none", "latest", "all"),
    CheckConstraint("catch_up_window_seconds BETWEEN 0 AND 2592000", name="catch_up_window"),
)
Index("ix_schedules_pending", schedules.c.id, postgresql_where=text("schedule_status = 'pending'"))
Index("ix_schedules_active", schedules.c.active_since, postgresql_where=text("schedule_status = 'processing'"))
Index("ix_schedules_ending", schedules.c.id, postgresql_where=text("schedule_status = 'processing' AND exhausted"))
Index("ix_schedules_resume", schedules.c.resume_at, postgresql_where=text("resume_at IS NOT NULL"))
# Without those that have none, of which a change costs nothing here.
Index(
    "ix_schedules_tags",
    schedules.c.tags,
    postgresql_using="gin",
    postgresql_where=text("deleted_at IS NULL AND tags <> '{}'"),
)
Index("ix_schedules_user", schedules.c.user_id, schedules.c.id, postgresql_where=text("deleted_at IS NULL"))
Index("ix_schedules_action", schedules.c.action_id)
Index("ix_schedules_deleted", schedules.c.deleted_at, postgresql_where=text("deleted_at IS NOT NULL"))

triggers = Table(
    "triggers",
    metadata,
    identity(),
    Column("user_id", BigInteger, nullable=False),
    Column("schedule_id", BigInteger, nullable=False),
    Column("action_id", BigInteger),
    Column("due_at", TIMESTAMP(timezone=True), nullable=False),
    # The definition that planned it: another attempt is made only while the schedule still says the same.
    Column("schedule_version", Integer, nullable=False),
    Column("status", Text, nullable=False, server_default=text("'scheduled'")),
    Column("reason", Text),
    # Who wanted it: the timetable, its user at once, or its user for a time that has passed.
    Column("kind", Text, nullable=False, server_default=text("'planned'")),
    # The schedule's.
    Column("priority", SmallInteger, nullable=False, server_default=text("5")),
    # What this run gets in place of the schedule's input.
    Column("input", JSONB(none_as_null=True)),
    Column("attempt", SmallInteger, nullable=False, server_default=text("0")),
    # When the creator may dispatch it: the due time, later for another attempt or while it is held.
    Column("next_attempt_at", TIMESTAMP(timezone=True), nullable=False),
    # When a queued trigger that nobody claimed is sent again; each sending doubles the wait.
    instant("resend_at"),
    Column("sends", SmallInteger, nullable=False, server_default=text("0")),
    # The message that it travels in, by the smallest trigger id in it: what one user has on the way is counted by it.
    Column("pack", BigInteger),
    # Why a trigger that is due stays scheduled: another run of its schedule, a broken target, its user's share.
    Column("hold", Text),
    # The host that a trigger waits for: a broken one, or one that its user has enough on the way to; the empty word
    # when it waits for its user's share of everything.
    Column("held_for", Text),
    # Set when an executor died with it: it no longer shares a message, so that it can harm nobody else.
    Column("alone", Boolean, nullable=False, server_default=text("false")),
    # Attempts that died with their executor; the others ended in an outcome.
    Column("crashes", SmallInteger, nullable=False, server_default=text("0")),
    # A job that may be sent once only, from before it is sent until its outcome is recorded.
    Column("sending_job_id", BigInteger),
    # A dead letter that was sent on its way again: how often, which attempts no longer count as tries, whose results
    # no longer count, and inputs that replace those of jobs: {"job id": input}.
    Column("redrives", SmallInteger, nullable=False, server_default=text("0")),
    Column("tries_after", SmallInteger, nullable=False, server_default=text("0")),
    Column("results_after", SmallInteger, nullable=False, server_default=text("0")),
    Column("job_inputs", JSONB(none_as_null=True)),
    # A dead letter that its user has put away.
    instant("discarded_at"),
    instant("lease_until"),
    instant("created_at", required=True),
    instant("queued_at"),
    instant("started_at"),
    instant("finished_at"),
    UniqueConstraint("user_id", "id"),
    UniqueConstraint("schedule_id", "due_at"),
    ForeignKeyConstraint(["user_id", "schedule_id"], ["schedules.user_id", "schedules.id"], ondelete="CASCADE"),
    ForeignKeyConstraint(["user_id", "action_id"], ["actions.user_id", "actions.id"], ondelete="SET NULL (action_id)"),
    one_of("status", "scheduled", "queued", "executing", "completed", "failed", "skipped", "cancelled"),
    one_of("kind", "planned", "manual", "backfill"),
    CheckConstraint("status <> 'queued' OR resend_at IS NOT NULL", name="queued_is_sent_again"),
    CheckConstraint("status <> 'executing' OR lease_until IS NOT NULL", name="executing_has_a_lease"),
    CheckConstraint(
        "(status IN ('completed', 'failed', 'skipped', 'cancelled')) = (finished_at IS NOT NULL)", name="finished"
    ),
    CheckConstraint("status NOT IN ('failed', 'skipped') OR reason IS NOT NULL", name="reason"),
    one_of("hold", "overlap", "breaker", "limit"),
    CheckConstraint("hold IS NULL OR status = 'scheduled' AND reason IS NOT NULL", name="held"),
    CheckConstraint("(held_for IS NOT NULL) = (hold IS NOT NULL AND hold IN ('breaker', 'limit'))", name="held_for"),
    CheckConstraint("discarded_at IS NULL OR status = 'failed'", name="discarded"),
)
# What waits for its user's share is let go by another statement, user by user: a long line stops nobody else.
Index(
    "ix_triggers_due",
    triggers.c.next_attempt_at,
    postgresql_where=text("status = 'scheduled' AND (hold IS NULL OR hold <> 'limit')"),
)
Index(
    "ix_triggers_limited",
    triggers.c.user_id,
    triggers.c.held_for,
    triggers.c.priority.desc(),
    triggers.c.next_attempt_at,
    triggers.c.id,
    postgresql_where=text("status = 'scheduled' AND hold = 'limit'"),
)
Index(
    "ix_triggers_held_for",
    triggers.c.user_id,
    triggers.c.held_for,
    triggers.c.due_at,
    postgresql_where=text("hold = 'breaker'"),
)
Index(
    "ix_triggers_in_flight",
    triggers.c.user_id,
    triggers.c.pack,
    postgresql_where=text("status IN ('queued', 'executing')"),
)
Index("ix_triggers_resend", triggers.c.resend_at, postgresql_where=text("status = 'queued'"))
Index("ix_triggers_lease", triggers.c.lease_until, postgresql_where=text("status = 'executing'"))
# I3: one planned occurrence per schedule. Resuming, editing or two creators at once cannot plan a second one.
Index(
    "uq_triggers_planned",
    triggers.c.schedule_id,
    unique=True,
    postgresql_where=text("status = 'scheduled' AND attempt = 0 AND kind = 'planned' AND hold IS NULL"),
)
Index(
    "ix_triggers_unfinished",
    triggers.c.schedule_id,
    postgresql_where=text("status IN ('scheduled', 'queued', 'executing')"),
)
# The line in which each user's backfills wait.
Index(
    "ix_triggers_backfill",
    triggers.c.user_id,
    triggers.c.next_attempt_at,
    postgresql_where=text("status = 'scheduled' AND kind = 'backfill'"),
)
Index("ix_triggers_finished", triggers.c.finished_at, postgresql_where=text("finished_at IS NOT NULL"))
# A user's last day, for the dashboard.
Index(
    "ix_triggers_ended",
    triggers.c.user_id,
    triggers.c.finished_at,
    postgresql_where=text("finished_at IS NOT NULL"),
)
# Few at any time, and counted by whoever watches.
Index("ix_triggers_overlap", triggers.c.schedule_id, postgresql_where=text("hold = 'overlap'"))
Index(
    "ix_triggers_dead",
    triggers.c.user_id,
    triggers.c.id,
    postgresql_where=text("status = 'failed' AND discarded_at IS NULL"),
)
# Beyond what its owner's plan keeps, a dead letter is put away by the cleaner, which also looks at what was put away.
Index(
    "ix_triggers_dead_since",
    triggers.c.user_id,
    triggers.c.finished_at,
    postgresql_where=text("status = 'failed' AND discarded_at IS NULL"),
)
Index("ix_triggers_discarded", triggers.c.discarded_at, postgresql_where=text("discarded_at IS NOT NULL"))
