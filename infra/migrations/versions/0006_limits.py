"""How often requests may come, and what plans allow beyond schedules.

Revision ID: 0006
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

STATEMENTS = """
ALTER TABLE plans ADD COLUMN max_actions INTEGER DEFAULT 200 NOT NULL;
ALTER TABLE plans ADD COLUMN requests_per_second INTEGER DEFAULT 10 NOT NULL;
ALTER TABLE plans ADD COLUMN requests_at_once INTEGER DEFAULT 300 NOT NULL;
CREATE UNLOGGED TABLE request_rates (
    key BYTEA NOT NULL,
    full_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_request_rates PRIMARY KEY (key)
);
CREATE TABLE rooms (
    user_id BIGINT NOT NULL,
    kept TEXT NOT NULL,
    of_limit INTEGER NOT NULL,
    room INTEGER NOT NULL,
    CONSTRAINT pk_rooms PRIMARY KEY (user_id, kept),
    CONSTRAINT ck_rooms_room CHECK (room >= 0),
    CONSTRAINT fk_rooms_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
"""


def upgrade() -> None:
    """Add columns with a default, which rewrites nothing, and tables."""
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.get_bind().exec_driver_sql(statement)
