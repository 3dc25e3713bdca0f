"""The migration: invoked by each deploy, and never by anything else."""

from typing import Any

from functions.logs import logger
from infra.migrations.run import upgrade
from shared import wiring
from shared.registration import Service, register


def handler(_event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Bring the database to the newest revision; running it again changes nothing."""
    services = wiring.services()
    revision = upgrade(services.database)
    # Before the transaction: asking for the time takes a connection, too, and there is only one.
    now = services.clock.now()
    with services.database.begin() as connection:
        register(connection, services, Service.MIGRATE, now)
    logger("migrate").info("migrated", revision=revision)
    return {"revision": revision}
