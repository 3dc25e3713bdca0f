"""Actions that are graphs: which job runs after a failure, and which failures are final.

Revision ID: 0011
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# Neither column rewrites its table: old rows have what the column says for them.
STATEMENTS = """
ALTER TABLE jobs
    ADD COLUMN on_failure_job_id BIGINT,
    ADD CONSTRAINT ck_jobs_on_failure CHECK (on_failure_job_id <> id),
    ADD CONSTRAINT fk_jobs_user_id_on_failure_job_id FOREIGN KEY(user_id, on_failure_job_id)
        REFERENCES jobs (user_id, id);
CREATE INDEX ix_jobs_on_failure ON jobs (on_failure_job_id) WHERE on_failure_job_id IS NOT NULL;
ALTER TABLE job_executions
    ADD COLUMN final BOOLEAN NOT NULL DEFAULT false;
"""


def upgrade() -> None:
    """Add the columns; the functions of before write and read around them."""
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.get_bind().exec_driver_sql(statement)
