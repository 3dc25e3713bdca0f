"""Answers that are kept for requests that are sent again.

Revision ID: 0003
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATEMENTS = """
CREATE TABLE kept_answers (
    user_id BIGINT NOT NULL,
    key TEXT NOT NULL,
    request TEXT NOT NULL,
    claim UUID DEFAULT gen_random_uuid() NOT NULL,
    status SMALLINT,
    headers JSONB,
    body TEXT,
    expires_at timestamptz NOT NULL,
    CONSTRAINT pk_kept_answers PRIMARY KEY (user_id, key),
    CONSTRAINT ck_kept_answers_key CHECK (length(key) BETWEEN 1 AND 200),
    CONSTRAINT ck_kept_answers_status CHECK (status BETWEEN 200 AND 499),
    CONSTRAINT ck_kept_answers_answer CHECK (status IS NOT NULL OR headers IS NULL AND body IS NULL),
    CONSTRAINT fk_kept_answers_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX ix_kept_answers_expires_at ON kept_answers (expires_at);
"""


def upgrade() -> None:
    """Add the table."""
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.get_bind().exec_driver_sql(statement)
