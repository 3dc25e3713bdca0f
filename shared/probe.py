"""Probe: hosts that were left alone long enough are tried again, each by the oldest trigger that waits for it."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.failpoints import reach
from shared.services import Services
from shared.store import breakers, holding

log = logging.getLogger("cronny.probe")

BATCH = 100
# Real time in which a chosen trigger must have reached its host; after that another one is chosen.
ARRIVES_WITHIN = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Probed:
    """What one batch did; ``more`` says whether another batch is worth a look."""

    probes: int
    more: bool


def probe(services: Services, now: datetime) -> Probed:
    """Choose the probes of one batch of hosts, and let them go.

    One transaction. A crash after its COMMIT leaves a due trigger, which is dispatched; one that is lost on the way is
    followed by another. A host that nothing waits for is tried by the next trigger that comes.
    """
    until = now + ARRIVES_WITHIN * services.clock.speed
    with services.database.begin() as connection:
        chosen = breakers.appoint_probes(connection, until, now, BATCH)
        if chosen:
            holding.try_now(connection, [trigger_id for _, _, trigger_id in chosen], now)
            if __debug__:
                reach("probe.written", connection)
    if chosen:
        log.info("%s hosts are tried again", len(chosen))
        if __debug__:
            reach("probe.committed")
    return Probed(len(chosen), len(chosen) == BATCH)
