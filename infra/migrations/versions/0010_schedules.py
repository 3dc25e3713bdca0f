"""What users say of their schedules besides when: why and until when one is paused, tags, which goes first.

Revision ID: 0010
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# The line of a user is read in another order: the index of it is made anew, over what waits, which is little.
STATEMENTS = """
ALTER TABLE schedules ADD COLUMN pause_note TEXT;
ALTER TABLE schedules ADD COLUMN resume_at TIMESTAMP WITH TIME ZONE;
ALTER TABLE schedules ADD COLUMN tags TEXT[] DEFAULT '{}' NOT NULL;
ALTER TABLE schedules ADD COLUMN priority SMALLINT DEFAULT 5 NOT NULL;
ALTER TABLE schedules ADD CONSTRAINT ck_schedules_resumed
    CHECK (resume_at IS NULL OR schedule_status = 'inactive' AND deleted_at IS NULL);
ALTER TABLE schedules ADD CONSTRAINT ck_schedules_tags CHECK (cardinality(tags) <= 20);
ALTER TABLE schedules ADD CONSTRAINT ck_schedules_priority CHECK (priority BETWEEN 0 AND 9);
CREATE INDEX ix_schedules_resume ON schedules (resume_at) WHERE resume_at IS NOT NULL;
CREATE INDEX ix_schedules_tags ON schedules USING gin (tags) WHERE deleted_at IS NULL AND tags <> '{}';
ALTER TABLE triggers ADD COLUMN priority SMALLINT DEFAULT 5 NOT NULL;
DROP INDEX ix_triggers_limited;
CREATE INDEX ix_triggers_limited ON triggers (user_id, held_for, priority DESC, next_attempt_at, id)
    WHERE status = 'scheduled' AND hold = 'limit';
"""


def upgrade() -> None:
    """Add columns with a default, which rewrites nothing, and indexes; writes to both tables wait meanwhile."""
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.get_bind().exec_driver_sql(statement)
