"""Values that jobs name and nobody reads, sealed."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, LargeBinary, Table, Text, UniqueConstraint

from shared.store.tables.columns import identity, instant, metadata

secrets = Table(
    "secrets",
    metadata,
    identity(),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text),
    # Which key has wrapped the data key: several are in use while one takes the place of another.
    Column("key_id", Text, nullable=False),
    Column("wrapped_key", LargeBinary, nullable=False),
    # Bound to the owner and the name: in any other row it does not open.
    Column("box", LargeBinary, nullable=False),
    instant("created_at", required=True),
    instant("updated_at", required=True),
    instant("last_used_at"),
    UniqueConstraint("user_id", "name"),
    CheckConstraint("name ~ '^[A-Za-z_][A-Za-z0-9_]{0,99}$'", name="name"),
)
