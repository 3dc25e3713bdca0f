"""The creator: EventBridge calls it each minute, anywhere within the minute, sometimes twice or not at all.

So an invocation ticks at each whole second until a newer one has taken the lease or its own time is nearly over: a
missed or late call leaves no hole and a doubled one no double work.
"""

import math
import time
from typing import Any

from functions.logs import logger
from functions.stopping import graceful
from shared import wiring
from shared.clock import next_tick
from shared.create import Ticked, create, join_in, take_over
from shared.errors import Unavailable

LOOP_SECONDS = 110
KEPT_BACK_SECONDS = 8


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Tick until it is time to leave; answers how often, and its epoch.

    ``{"ticks": n}``, for debugging, ticks that often and leaves the lease to the creator that has it.
    """
    log, services = logger("creator"), wiring.services()
    until = time.monotonic() + min(LOOP_SECONDS, context.get_remaining_time_in_millis() / 1000 - KEPT_BACK_SECONDS)
    epoch = join_in(services) if "ticks" in event else take_over(services, services.clock.now())
    ticks = 0
    with graceful() as asked_to_stop:
        while ticks < event.get("ticks", math.inf) and time.monotonic() < until and not asked_to_stop.is_set():
            services.clock.sleep_until(next_tick(services.clock))
            try:
                ticked = create(services, services.clock.now(), epoch)
            except Unavailable as error:
                log.warning(str(error))
                continue
            if ticked.newer:
                break
            ticks += 1
            if ticked != Ticked():
                log.info("tick", planned=ticked.planned, dispatched=ticked.dispatched, recovered=ticked.recovered)
        log.info("creator leaves", ticks=ticks, epoch=epoch)
    return {"ticks": ticks, "epoch": epoch}
