"""The fence between users: a role that sees the rows of one user only, whatever a statement asks for.

Revision ID: 0009

The API takes this role for every transaction on behalf of a user (``Database.of``). The owner of the tables, as whom
everything else works, is not held by the policies. See docs/decisions/0025-fence.md.
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# Roles are of a whole server: another database of it, or a migration at the same moment, may have made it.
ROLE = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'cronny_caller') THEN
        BEGIN
            CREATE ROLE cronny_caller NOLOGIN;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN
                RAISE EXCEPTION 'the database user % may not create the role cronny_caller', current_user USING HINT =
                    format('as an administrator run: CREATE ROLE cronny_caller NOLOGIN; GRANT cronny_caller TO %I;',
                        current_user);
        END;
    END IF;
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
        AND NOT EXISTS (
            SELECT FROM pg_auth_members
            WHERE roleid = 'cronny_caller'::regrole AND member = current_user::regrole
                AND coalesce((to_jsonb(pg_auth_members) ->> 'set_option')::boolean, true)
        ) THEN
        EXECUTE format('GRANT cronny_caller TO %I', current_user);
    END IF;
END
$$
"""

# Nobody, when nobody was named: a comparison with NULL finds nothing.
CALLER = "nullif(current_setting('cronny.caller', true), '')::bigint"

OF_USERS = (
    *("actions", "api_keys", "breakers", "calendars", "job_executions", "jobs", "kept_answers", "ledger", "rooms"),
    *("schedule_calendars", "schedules", "secrets", "sessions", "trials", "triggers"),
)
# {table: which of its rows are the caller's}
OWN = {
    **dict.fromkeys((*OF_USERS, "job_templates"), f"user_id = {CALLER}"),
    "refresh_tokens": "EXISTS (SELECT FROM sessions s WHERE s.id = session_id)",
    "users": f"id = {CALLER}",
}
# Of these a part may be read that is nobody's own: {table: which}.
READABLE = {
    "job_templates": "user_id IS NULL",
    "dead_messages": "EXISTS (SELECT FROM triggers t WHERE t.id = ANY (trigger_ids))",
}
# What is of no user: limits of plans, which functions are alive, what time it is in development.
SHARED = ("plans", "heartbeats", "virtual_clock")
# How often somebody was wrong, by hashes of names and networks.
COUNTERS = ("login_failures",)


def upgrade() -> None:
    """Add the role, its rights and the policies; no table is locked for longer than a moment."""
    execute = op.get_bind().exec_driver_sql
    execute(ROLE)
    execute("GRANT USAGE ON SCHEMA public TO cronny_caller")
    for table in {**OWN, **READABLE}:
        execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    for table, rows in OWN.items():
        execute(f"CREATE POLICY own ON {table} TO cronny_caller USING ({rows})")
        execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO cronny_caller")
    for table, rows in READABLE.items():
        execute(f"CREATE POLICY readable ON {table} FOR SELECT TO cronny_caller USING ({rows})")
    for table in (*READABLE, *SHARED):
        execute(f"GRANT SELECT ON {table} TO cronny_caller")
    for table in COUNTERS:
        execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO cronny_caller")
