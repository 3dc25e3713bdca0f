"""The cleaner, which EventBridge calls each minute.

It drains the dead letter queue, checks the invariants, cleans, and asks
the URLs of calendars what they say by now.
"""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from functions.logs import logger
from functions.metrics import emit
from functions.stopping import graceful
from shared import wiring
from shared.check import check
from shared.clean import Cleaned, clean
from shared.drain import NOTHING, drain
from shared.errors import Unavailable
from shared.refresh import Refreshed, refresh
from shared.registration import Service, register
from shared.runners.feeds import FETCH_SECONDS
from shared.services import Services

KEPT_BACK_SECONDS = 10
# Of a queue that fills faster than that the next minute takes more.
DRAIN_BATCHES = 20


def handler(_event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Drain and check once; clean batch after batch until nothing is left to remove or the time is nearly over.

    What others can make slow, the URLs of calendars, comes last.
    """
    log, services = logger("cleaner"), wiring.services()
    until = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - KEPT_BACK_SECONDS
    now = services.clock.now()
    with services.database.begin() as connection:
        register(connection, services, Service.CLEANER, now)
    with graceful() as asked_to_stop:

        def going_on() -> bool:
            return time.monotonic() < until and not asked_to_stop.is_set()

        dead, violations = _drained(services, now, going_on), check(services, now, going_on).violations
        batches: list[Cleaned] = []
        while going_on() and (not batches or batches[-1].more):
            batches.append(clean(services, now))
        refreshed = _refreshed(services, now, until, going_on)
    removed = {
        "executions": sum(batch.executions for batch in batches),
        "compacted": sum(batch.compacted for batch in batches),
        "expired": sum(batch.expired for batch in batches),
    }
    emit("cleaner", {"cronny_invariant_violations": len(violations), "cronny_dead_messages": dead})
    asked = {"refreshed": refreshed.asked, "not_refreshed": refreshed.failed}
    answer = {**removed, **asked, "dead_messages": dead, "violations": len(violations)}
    log.info("cleaned", extra=answer)
    return answer


def _refreshed(services: Services, now: datetime, until: float, going_on: Callable[[], bool]) -> Refreshed:
    """Ask the URLs of calendars, batch by batch, while there is time for another one."""
    done, more = Refreshed(), True
    real_now = services.clock.real_now()
    while more and going_on() and time.monotonic() < until - FETCH_SECONDS:
        batch = refresh(services, now, real_now, going_on)
        done, more = done + batch, batch.more
    return done


def _drained(services: Services, now: datetime, going_on: Callable[[], bool]) -> int:
    """How many dead messages were written down. While their queue is away, everything else is done all the same."""
    count = 0
    try:
        for _ in range(DRAIN_BATCHES):
            batch = drain(services, now) if going_on() else NOTHING
            count += batch.messages
            if not batch.more:
                break
    except Unavailable as error:
        logger("cleaner").warning(str(error))
    return count
