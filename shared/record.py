"""Record: what a pack of running triggers has to say goes to the database in groups, fenced by (id, attempt)."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.errors import CronnyError, Unavailable
from shared.outcome import JobExecution
from shared.services import Services
from shared.store import executing, following, overlapping
from shared.trigger import Claim, TriggerId, TriggerStatus

log = logging.getLogger("cronny.record")


@dataclass(frozen=True, slots=True)
class JobEnded:
    """A job of a claimed trigger ended; ``next_timeout`` in seconds is that of the job that follows, if one does."""

    claim: Claim
    execution: JobExecution
    next_timeout: int | None


@dataclass(frozen=True, slots=True)
class TriggerEnded:
    """A claimed trigger ended."""

    claim: Claim
    status: TriggerStatus
    reason: str | None


Event = JobEnded | TriggerEnded


def record(services: Services, events: Sequence[Event], now: datetime) -> set[TriggerId]:
    """Write events, in order; answers the triggers that turned out to be this executor's no longer.

    Raises ``Unavailable`` while the database is away: the same events may be recorded again, even if the COMMIT did
    happen. An event that the database refuses is logged and dropped, so that it harms no other; the lease of its
    trigger then runs out.
    """
    try:
        return _record(services, events, now)
    except Unavailable:
        raise
    except CronnyError:
        if len(events) > 1:
            return {lost for event in events for lost in record(services, [event], now)}
        log.exception("trigger %s: cannot be recorded", events[0].claim.id)
        return set()


def _record(services: Services, events: Sequence[Event], now: datetime) -> set[TriggerId]:
    """One transaction: executions first, because they are fenced by the status that the endings change."""
    steps = [event for event in events if isinstance(event, JobEnded)]
    endings = {event.claim.id: event for event in events if isinstance(event, TriggerEnded)}
    relative = [event.claim.schedule_id for event in endings.values() if event.claim.leads_on]
    awaited = [event.claim.schedule_id for event in endings.values() if event.claim.others_wait]
    speed = services.clock.speed
    leases = {
        step.claim.id: (step.claim, now + (executing.LEASE_MARGIN + timedelta(seconds=step.next_timeout or 0)) * speed)
        for step in steps
        if step.claim.id not in endings
    }
    with services.database.begin() as connection:
        overlapping.lock(connection, [*relative, *awaited])
        executing.record(connection, [executing.Record(step.claim, step.execution) for step in steps])
        held = executing.extend(connection, list(leases.values()))
        ended = executing.finish(
            connection, [executing.Ending(item.claim, item.status, item.reason) for item in endings.values()], now
        )
        over = [
            event.claim.schedule_id for event in endings.values() if event.claim.id in ended and event.claim.leads_on
        ]
        following.plan_after(connection, over, now)
        overlapping.wake(connection, awaited, now, speed)
    return {*leases, *endings} - held - ended
