"""The hosts that jobs call, and what is known of their health."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)

from shared.store.tables.columns import instant, metadata, one_of

# One row for each user and host that has failed lately; a host that has always answered has none.
breakers = Table(
    "breakers",
    metadata,
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("host", Text, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'closed'")),
    # In a row, without a success in between.
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("last_error", Text),
    # How often it has opened without closing in between: each time waits longer.
    Column("opens", SmallInteger, nullable=False, server_default=text("0")),
    instant("opened_at"),
    # Open: when one trigger may try. Half open: until when the one that tries may take.
    instant("probe_at"),
    Column("probe_trigger_id", BigInteger),
    instant("updated_at", required=True),
    PrimaryKeyConstraint("user_id", "host"),
    one_of("state", "closed", "open", "half_open"),
    CheckConstraint("state = 'closed' OR probe_at IS NOT NULL", name="probe"),
)
# Read at each claim, for the users in it: those that are not closed come first.
Index(
    "ix_breakers_known",
    breakers.c.user_id,
    breakers.c.state.desc(),
    postgresql_where=text("state <> 'closed' OR failures > 0"),
)
Index("ix_breakers_probe", breakers.c.probe_at, postgresql_where=text("state <> 'closed'"))

# Messages that the queue gave up on, and the triggers that they named.
dead_messages = Table(
    "dead_messages",
    metadata,
    Column("message_id", Text, primary_key=True),
    Column("body", Text, nullable=False),
    Column("trigger_ids", ARRAY(BigInteger), nullable=False),
    Column("receives", Integer, nullable=False),
    instant("received_at", required=True),
)
Index("ix_dead_messages_received_at", dead_messages.c.received_at)
Index(
    "ix_dead_messages_triggers",
    dead_messages.c.trigger_ids,
    postgresql_using="gin",
    postgresql_with={"fastupdate": "off"},
)
