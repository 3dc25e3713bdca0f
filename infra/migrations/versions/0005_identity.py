"""Google's people, sessions with rotating refresh tokens, API keys, and logins that failed.

Revision ID: 0005
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

STATEMENTS = """
ALTER TABLE users ADD COLUMN google_subject TEXT;
CREATE UNIQUE INDEX uq_users_google_subject ON users (google_subject);
CREATE TABLE sessions (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    user_id BIGINT NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    expires_at timestamptz DEFAULT now() NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT pk_sessions PRIMARY KEY (id),
    CONSTRAINT fk_sessions_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX ix_sessions_user_id ON sessions (user_id);
CREATE INDEX ix_sessions_expiry ON sessions (expires_at);
CREATE TABLE refresh_tokens (
    hash BYTEA NOT NULL,
    session_id BIGINT NOT NULL,
    issued_at timestamptz DEFAULT now() NOT NULL,
    used_at timestamptz,
    CONSTRAINT pk_refresh_tokens PRIMARY KEY (hash),
    CONSTRAINT fk_refresh_tokens_session_id FOREIGN KEY(session_id) REFERENCES sessions (id) ON DELETE CASCADE
);
CREATE INDEX ix_refresh_tokens_session_id ON refresh_tokens (session_id);
CREATE TABLE api_keys (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    user_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    hash BYTEA NOT NULL,
    scopes TEXT[] NOT NULL,
    expires_at timestamptz,
    last_used_at timestamptz,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_api_keys PRIMARY KEY (id),
    CONSTRAINT fk_api_keys_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX uq_api_keys_name ON api_keys (user_id, name);
CREATE TABLE login_failures (
    key BYTEA NOT NULL,
    failures INTEGER NOT NULL,
    failed_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_login_failures PRIMARY KEY (key),
    CONSTRAINT ck_login_failures_failures CHECK (failures > 0)
);
CREATE INDEX ix_login_failures_failed_at ON login_failures (failed_at);
"""


def upgrade() -> None:
    """Add tables; nothing that stands is touched."""
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.get_bind().exec_driver_sql(statement)
