"""Secrets, sealed.

Revision ID: 0007
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

STATEMENTS = """
CREATE TABLE secrets (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    user_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    key_id TEXT NOT NULL,
    wrapped_key BYTEA NOT NULL,
    box BYTEA NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    last_used_at timestamptz,
    CONSTRAINT pk_secrets PRIMARY KEY (id),
    CONSTRAINT uq_secrets_user_id_name UNIQUE (user_id, name),
    CONSTRAINT ck_secrets_name CHECK (name ~ '^[A-Za-z_][A-Za-z0-9_]{0,99}$'),
    CONSTRAINT fk_secrets_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
"""


def upgrade() -> None:
    """Add the table; nothing that stands is touched."""
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.get_bind().exec_driver_sql(statement)
