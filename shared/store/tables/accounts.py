"""Users and the plans that bound what they may use."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    func,
    text,
)

from shared.store.tables.columns import identity, instant, metadata

plans = Table(
    "plans",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False, unique=True),
    Column("max_schedules", Integer, nullable=False),
    Column("min_interval_seconds", Integer, nullable=False),
    Column("max_in_flight", Integer, nullable=False),
    Column("history_days", Integer, nullable=False),
    Column("max_actions", Integer, nullable=False, server_default=text("200")),
    Column("requests_per_second", Integer, nullable=False, server_default=text("10")),
    Column("requests_at_once", Integer, nullable=False, server_default=text("300")),
)

users = Table(
    "users",
    metadata,
    identity(),
    Column("username", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("plan_id", ForeignKey("plans.id"), nullable=False, server_default=text("1")),
    Column("first_name", Text),
    Column("last_name", Text),
    Column("address", Text),
    Column("city", Text),
    Column("state", Text),
    Column("country", Text),
    Column("zip_code", Text),
    Column("phone", Text),
    instant("created_at", required=True),
    instant("updated_at", required=True),
    # Who this is to Google, for those who came that way.
    Column("google_subject", Text),
)
# Names and addresses are one person's, however they are capitalised.
Index("uq_users_username", func.lower(users.c.username), unique=True)
Index("uq_users_email", func.lower(users.c.email), unique=True)
Index("uq_users_google_subject", users.c.google_subject, unique=True)

# How many more a user may make of what is too much to be counted each time, as it was counted last: at least so many.
rooms = Table(
    "rooms",
    metadata,
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("kept", Text, nullable=False),
    # Under another limit it is counted anew.
    Column("of_limit", Integer, nullable=False),
    Column("room", Integer, nullable=False),
    PrimaryKeyConstraint("user_id", "kept"),
    CheckConstraint("room >= 0", name="room"),
)
