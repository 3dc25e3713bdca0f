"""Who may act as a user, and until when. Of secrets the SHA-256 is kept: they are random, so nobody can guess them."""

from sqlalchemy import ARRAY, CheckConstraint, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text

from shared.store.tables.columns import identity, instant, metadata

# One for each login. Access tokens name theirs, so that they end with it.
sessions = Table(
    "sessions",
    metadata,
    identity(),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    instant("created_at", required=True),
    instant("expires_at", required=True),
    instant("revoked_at"),
)
Index("ix_sessions_expiry", sessions.c.expires_at)

# Each is good for one use; used ones stay as long as their session, because a second use says that one was stolen.
refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("session_id", ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False, index=True),
    instant("issued_at", required=True),
    instant("used_at"),
)

api_keys = Table(
    "api_keys",
    metadata,
    identity(),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    instant("expires_at"),
    instant("last_used_at"),
    instant("created_at", required=True),
)
Index("uq_api_keys_name", api_keys.c.user_id, api_keys.c.name, unique=True)

# Logins that failed, by the hash of the account's or the network's name: whoever guesses is asked to wait.
login_failures = Table(
    "login_failures",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("failures", Integer, nullable=False),
    instant("failed_at", required=True),
    CheckConstraint("failures > 0", name="failures"),
)
Index("ix_login_failures_failed_at", login_failures.c.failed_at)
