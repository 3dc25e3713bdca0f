"""Which users are trying out a job right now.

Revision ID: 0008
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

STATEMENTS = """
CREATE TABLE trials (
    user_id BIGINT NOT NULL,
    slot SMALLINT NOT NULL,
    until TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_trials PRIMARY KEY (user_id, slot),
    CONSTRAINT ck_trials_slot CHECK (slot BETWEEN 1 AND 3),
    CONSTRAINT fk_trials_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
"""


def upgrade() -> None:
    """Add the table; nothing that stands is touched."""
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.get_bind().exec_driver_sql(statement)
