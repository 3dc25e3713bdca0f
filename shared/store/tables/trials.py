"""Who is trying out a job right now."""

from sqlalchemy import TIMESTAMP, CheckConstraint, Column, ForeignKey, PrimaryKeyConstraint, SmallInteger, Table

from shared.store.tables.columns import metadata

# At most three rows for each user, which are used again and again: so many tests may run at once.
trials = Table(
    "trials",
    metadata,
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("slot", SmallInteger, nullable=False),
    # Until then it is taken, in real time: whoever took it may have died.
    Column("until", TIMESTAMP(timezone=True), nullable=False),
    PrimaryKeyConstraint("user_id", "slot"),
    CheckConstraint("slot BETWEEN 1 AND 3", name="slot"),
)
