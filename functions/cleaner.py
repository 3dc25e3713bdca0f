"""The cleaner: EventBridge calls it each minute."""

import time
from typing import Any

from functions.logs import logger
from functions.stopping import graceful
from shared import VERSION, wiring
from shared.clean import clean
from shared.store import services as own_rows

KEPT_BACK_SECONDS = 10


def handler(_event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Clean batch after batch until nothing is left to remove or the time is nearly over."""
    log, services = logger("cleaner"), wiring.services()
    until = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - KEPT_BACK_SECONDS
    now = services.clock.now()
    with services.database.begin() as connection:
        own_rows.beat(connection, "cleaner", services.instance, VERSION, now)
    batches = [clean(services, now)]
    with graceful() as asked_to_stop:
        while batches[-1].more and time.monotonic() < until and not asked_to_stop.is_set():
            batches.append(clean(services, now))
    removed = {
        "executions": sum(batch.executions for batch in batches),
        "compacted": sum(batch.compacted for batch in batches),
        "expired": sum(batch.expired for batch in batches),
    }
    log.info("cleaned", extra=removed)
    return removed
