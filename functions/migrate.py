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
    with services.database.begin() as connection:
        register(connection, services, Service.MIGRATE, services.clock.now())
    logger("migrate").info("migrated", revision=revision)
    return {"revision": revision}
