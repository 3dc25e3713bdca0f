"""The creator: EventBridge calls it each minute, anywhere within the minute, sometimes twice or not at all.

So an invocation ticks at each whole second until a newer one has taken the lease or its own time is nearly over: a
missed or late call leaves no hole and a doubled one no double work.
"""

import math
import time
from datetime import timedelta
from typing import Any

from functions.logs import logger
from functions.stopping import graceful
from shared import wiring
from shared.clock import BREATH, next_tick
from shared.create import Ticked, create, join_in, let_go, take_over
from shared.errors import Unavailable
from shared.services import Services

# While triggers wait for their users' shares, it looks again after a breath, and less often while nothing becomes free.
LONGEST_BREATH = timedelta(milliseconds=400)
LOOP_SECONDS = 110
KEPT_BACK_SECONDS = 8
# Between two attempts to find a database that is away.
AWAY_SECONDS = 0.5


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Tick until it is time to leave; answers how often, and its epoch.

    ``{"ticks": n}``, for debugging, ticks that often and leaves the lease to the creator that has it.
    """
    log, services = logger("creator"), wiring.services()
    until = time.monotonic() + min(LOOP_SECONDS, context.get_remaining_time_in_millis() / 1000 - KEPT_BACK_SECONDS)
    epoch, ticks, ticked = None, 0, Ticked()
    with graceful() as asked_to_stop:
        while ticks < event.get("ticks", math.inf) and time.monotonic() < until and not asked_to_stop.is_set():
            try:
                if epoch is None:
                    epoch = join_in(services) if "ticks" in event else take_over(services, services.clock.now())
                _sleep(services, ticked)
                ticked = create(services, services.clock.now(), epoch)
            except Unavailable as error:
                # Whatever was asked for, be it only the time: to leave would cost everything until the next minute.
                log.warning(str(error))
                asked_to_stop.wait(AWAY_SECONDS)
                continue
            if ticked.newer:
                break
            ticks += 1
            if ticked != Ticked(backlog=ticked.backlog):
                log.info("tick", extra=_told(ticked))
        log.info("creator leaves", ticks=ticks, epoch=epoch)
    return {"ticks": ticks, "epoch": epoch}


def _sleep(services: Services, ticked: Ticked) -> None:
    """Until the next tick, but while there is a backlog get up now and then to let go what has room by now."""
    clock, breath = services.clock, BREATH
    tick = next_tick(clock)
    while ticked.backlog and (soon := clock.now() + breath * clock.speed) < tick:
        clock.sleep_until(soon)
        try:
            ticked = let_go(services, clock.now())
        except Unavailable:  # the next tick says so
            break
        breath = BREATH if ticked.dispatched else min(breath * 2, LONGEST_BREATH)
    clock.sleep_until(tick)


def _told(ticked: Ticked) -> dict[str, int]:
    return {name: getattr(ticked, name) for name in ("resumed", "planned", "dispatched", "held", "recovered")}
