"""Bring a database to the newest revision. Used by ``functions/migrate`` and by the tests' template database."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext

from shared.store.engine import Database

# A migration waits this long for a table that is in use, then fails and may be run again: queued behind a long
# transaction it would otherwise block everybody who comes after it.
LOCK_TIMEOUT = "10s"


def upgrade(database: Database) -> str:
    """Run all pending migrations and the seeds in one transaction; answers the revision reached."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    with database.begin() as connection:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return str(MigrationContext.configure(connection).get_current_revision())
