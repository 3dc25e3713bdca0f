"""What alembic runs: every pending migration and the seeds in one transaction on the connection it is handed.

``functions/migrate`` hands over the connection (``config.attributes["connection"]``); there is no other way in.
"""

from alembic import context

from shared.store.seed import seed
from shared.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=False)
with context.begin_transaction():
    # Two deploys at once: the second waits here and then finds nothing left to do.
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(20250101)")
    context.run_migrations()
    seed(connection)
