"""Calendars whose events stand at a URL: what it said, when it is asked again, and why it could not be asked.

Revision ID: 0012
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# The new columns are in the fence: policies and grants of the table are for all of its columns.
STATEMENTS = """
ALTER TABLE calendars ADD COLUMN feed TEXT;
ALTER TABLE calendars ADD COLUMN feed_etag TEXT;
ALTER TABLE calendars ADD COLUMN feed_modified TEXT;
ALTER TABLE calendars ADD COLUMN fetched_at TIMESTAMP WITH TIME ZONE;
ALTER TABLE calendars ADD COLUMN fetch_error TEXT;
ALTER TABLE calendars ADD COLUMN fetch_failures INTEGER DEFAULT 0 NOT NULL;
ALTER TABLE calendars ADD COLUMN fetch_at TIMESTAMP WITH TIME ZONE;
ALTER TABLE calendars ADD CONSTRAINT ck_calendars_fetch CHECK (
    (definition ->> 'icalendar_url' IS NULL) = (fetch_at IS NULL) AND (feed IS NULL) = (fetch_at IS NULL));
CREATE INDEX ix_calendars_fetch_at ON calendars (fetch_at) WHERE fetch_at IS NOT NULL;
"""


def upgrade() -> None:
    """Add columns that rewrite nothing; the table is small, so the check and the index take a moment."""
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.get_bind().exec_driver_sql(statement)
