"""The migration: invoked by each deploy, and never by anything else."""

from typing import Any

from functions.logs import logger
from infra.migrations.run import upgrade
from shared import wiring


def handler(_event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Bring the database to the newest revision; running it again changes nothing."""
    revision = upgrade(wiring.services().database)
    logger("migrate").info("migrated", revision=revision)
    return {"revision": revision}
