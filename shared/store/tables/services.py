"""The functions themselves: signs of life, the creator's lease, and what time it is to them."""

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    CheckConstraint,
    Column,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.store.tables.columns import instant, metadata

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("service", Text, nullable=False),
    Column("instance", Text, nullable=False),
    Column("version", Text, nullable=False),
    # Where its work comes from or goes to: the name of a queue, or the path that requests come in by.
    Column("endpoint", Text),
    instant("started_at", required=True),
    instant("beat_at", required=True),
    PrimaryKeyConstraint("service", "instance"),
)

# One row. The creator whose epoch it holds may go on; taking it is adding one.
creator_lease = Table(
    "creator_lease",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, nullable=False, server_default=text("0")),
    Column("holder", Text),
    instant("taken_at"),
    CheckConstraint("id = 1", name="one_row"),
)

# One row, and the cleaner's lock: how far it has come.
cleaner_progress = Table(
    "cleaner_progress",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    # Jobs of executions up to this id were trimmed.
    Column("execution_id", BigInteger, nullable=False, server_default=text("0")),
    # Triggers that finished up to this instant were compacted, unless they still had executions.
    Column("finished_at", TIMESTAMP(timezone=True), nullable=False, server_default=text("'epoch'")),
    # Dead letters that were discarded up to this instant were looked at once more.
    Column("discarded_at", TIMESTAMP(timezone=True), nullable=False, server_default=text("'epoch'")),
    # Users up to this id had their turn: the dead letters that their plan no longer keeps are put away.
    Column("user_id", BigInteger, nullable=False, server_default=text("0")),
    # What happened up to this instant was held against the invariants.
    Column("checked_at", TIMESTAMP(timezone=True), nullable=False, server_default=text("'epoch'")),
    # How many rows violated each invariant then: {"I1": 0, ...}; one that could not be checked in time is left out.
    Column("violations", JSONB, nullable=False, server_default=text("'{}'")),
    CheckConstraint("id = 1", name="one_row"),
)

# One row or none. While there is one it is ``virtual_at`` at the real instant ``real_at``, and goes ``speed`` times
# as fast as the real time; looked at in development only.
virtual_clock = Table(
    "virtual_clock",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("real_at", TIMESTAMP(timezone=True), nullable=False),
    Column("virtual_at", TIMESTAMP(timezone=True), nullable=False),
    Column("speed", Integer, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
    CheckConstraint("speed BETWEEN 1 AND 3600", name="speed"),
)
