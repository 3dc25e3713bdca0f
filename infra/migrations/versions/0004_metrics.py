"""What is measured: tallies, what the last check found, where a function's work is.

Revision ID: 0004
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STATEMENTS = """
CREATE TABLE tallies (
    name TEXT NOT NULL,
    label TEXT NOT NULL,
    bucket SMALLINT NOT NULL,
    backend INTEGER NOT NULL,
    count BIGINT NOT NULL,
    total DOUBLE PRECISION DEFAULT 0 NOT NULL,
    CONSTRAINT pk_tallies PRIMARY KEY (name, label, bucket, backend)
);
ALTER TABLE tallies SET (fillfactor = 50);
ALTER TABLE heartbeats ADD COLUMN endpoint TEXT;
ALTER TABLE cleaner_progress ADD COLUMN violations JSONB DEFAULT '{}' NOT NULL;
CREATE INDEX ix_triggers_overlap ON triggers (schedule_id) WHERE hold = 'overlap';
CREATE INDEX ix_triggers_ended ON triggers (user_id, finished_at) WHERE finished_at IS NOT NULL;
"""


def upgrade() -> None:
    """Add what is measured; nothing that stands is rewritten."""
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.get_bind().exec_driver_sql(statement)
