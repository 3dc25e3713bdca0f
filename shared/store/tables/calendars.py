"""When nothing fires: calendars, and which schedules heed them."""

from sqlalchemy import BigInteger, Column, ForeignKey, ForeignKeyConstraint, Index, Table, Text, UniqueConstraint, text
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
    UniqueConstraint("user_id", "id"),
    UniqueConstraint("user_id", "name"),
)

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
