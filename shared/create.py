"""Create: one tick of the creator, which plans what is pending, dispatches what is due and recovers what was lost."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from shared.dispatch import dispatch, release
from shared.failpoints import reach
from shared.plan import plan
from shared.probe import probe
from shared.recover import recover
from shared.registration import Service, register
from shared.resume import resume
from shared.services import Services
from shared.store import services as own_rows

# A tick that finds more work than this leaves the rest to the next one, so that no part of the work starves another.
SECONDS_PER_VERB = 5.0
RECOVER_EVERY_SECONDS = 2


class Summary(Protocol):
    """What a verb answers about one batch."""

    @property
    def more(self) -> bool:
        """Whether another batch is worth a look."""
        ...


S = TypeVar("S", bound=Summary)


@dataclass(frozen=True, slots=True)
class Ticked:
    """What one tick did, in rows; ``backlog`` while triggers wait for their users' shares.

    ``newer`` when another creator has taken over and this one should leave.
    """

    resumed: int = 0
    planned: int = 0
    dispatched: int = 0
    skipped: int = 0
    recovered: int = 0
    held: int = 0
    backlog: bool = False
    probes: int = 0
    newer: bool = False


def take_over(services: Services, now: datetime) -> int:
    """Become the newest creator; answers the epoch to hand to ``create``."""
    with services.database.begin() as connection:
        epoch = own_rows.take_lease(connection, services.instance, now)
    if __debug__:
        reach("create.lease_taken")
    return epoch


def join_in(services: Services) -> int:
    """Tick beside the newest creator without taking its place; answers the epoch to hand to ``create``."""
    with services.database.begin() as connection:
        return own_rows.current_epoch(connection)


def create(services: Services, now: datetime, epoch: int) -> Ticked:
    """One tick at ``now``. Several creators at once are safe; the epoch only saves doubled work.

    1. Beat, and leave if a newer creator has taken the lease.
    2. Resume what was paused until now, and plan, before dispatching: a schedule that was created, or goes on, this
       second may be due this second.
    3. Let go what waits for a share, so that what becomes due now does not overtake it. 4. Dispatch.
    5. Every other second, recover, and try again hosts that were left alone.
    """
    with services.database.begin() as connection:
        register(connection, services, Service.CREATOR, now)
        if own_rows.current_epoch(connection) != epoch:
            return Ticked(newer=True)
    resumed = _until_done(resume, services, now)
    planned = _until_done(plan, services, now)
    released = _until_done(release, services, now)
    dispatched = _until_done(dispatch, services, now)
    every_other = now.second % RECOVER_EVERY_SECONDS == 0
    recovered = _until_done(recover, services, now) if every_other else []
    probes = _until_done(probe, services, now) if every_other else []
    return Ticked(
        resumed=sum(summary.resumed for summary in resumed),
        planned=sum(summary.planned for summary in planned),
        dispatched=sum(summary.queued for summary in released) + sum(summary.queued for summary in dispatched),
        skipped=sum(summary.skipped for summary in dispatched),
        recovered=sum(summary.resent + summary.retried + summary.failed for summary in recovered),
        held=sum(summary.held for summary in dispatched),
        backlog=released[-1].waiting or any(summary.held for summary in dispatched),
        probes=sum(summary.probes for summary in probes),
    )


def let_go(services: Services, now: datetime) -> Ticked:
    """What may be done of a tick's work between two ticks, while triggers wait for their users' shares."""
    released = _until_done(release, services, now)
    return Ticked(dispatched=sum(summary.queued for summary in released), backlog=released[-1].waiting)


def _until_done(verb: Callable[[Services, datetime], S], services: Services, now: datetime) -> list[S]:
    until = time.monotonic() + SECONDS_PER_VERB
    summaries = [verb(services, now)]
    while summaries[-1].more and time.monotonic() < until:
        # Somebody's flood may take seconds: what becomes due meanwhile need not wait for its end.
        summaries.append(verb(services, max(now, services.clock.now())))
    return summaries
