"""When nothing fires: calendars, and which schedules heed them."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
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

from shared.store.tables.columns import identity, instant, metadata

calendars = Table(
    "calendars",
    metadata,
    identity(),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("timezone", Text, nullable=False, server_default=text("'UTC'")),
    # As its user wrote it, and what was made of it when it was saved: the creator only looks up intervals.
    Column("definition", JSONB, nullable=False, server_default=text("'{}'")),
    Column("exclusions", JSONB, nullable=False, server_default=text("'{}'")),
    instant("expanded_until", required=True),
    instant("created_at", required=True),
    instant("updated_at", required=True),
    # What its icalendar_url said last, why it could not be asked since then, and when it is asked again: real instants.
    # Whoever asks moves fetch_at on first, so that nobody else does.
    Column("feed", Text),
    Column("feed_etag", Text),
    Column("feed_modified", Text),
    instant("fetched_at"),
    Column("fetch_error", Text),
    Column("fetch_failures", Integer, nullable=False, server_default=text("0")),
    instant("fetch_at"),
    UniqueConstraint("user_id", "id"),
    UniqueConstraint("user_id", "name"),
    CheckConstraint(
        "(definition ->> 'icalendar_url' IS NULL) = (fetch_at IS NULL) AND (feed IS NULL) = (fetch_at IS NULL)",
        name="fetch",
    ),
)
Index("ix_calendars_fetch_at", calendars.c.fetch_at, postgresql_where=calendars.c.fetch_at.is_not(None))

schedule_calendars = Table(
    "schedule_calendars",
    metadata,
    Column("user_id", BigInteger, nullable=False),
    Column("schedule_id", BigInteger, primary_key=True),
    Column("calendar_id", BigInteger, primary_key=True),
    ForeignKeyConstraint(["user_id", "schedule_id"], ["schedules.user_id", "schedules.id"], ondelete="CASCADE"),
    ForeignKeyConstraint(["user_id", "calendar_id"], ["calendars.user_id", "calendars.id"]),
)
Index("ix_schedule_calendars_calendar", schedule_calendars.c.calendar_id)
