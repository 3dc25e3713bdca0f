"""Record: what a pack of running triggers has to say goes to the database in groups, fenced by (id, attempt)."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from queue import SimpleQueue

from shared.attempt import WalkResult, WalkStatus
from shared.errors import CronnyError, Unavailable
from shared.failpoints import reach
from shared.job import JobId
from shared.outcome import JobExecution
from shared.services import Services
from shared.store import executing, following, holding, overlapping, putting_back
from shared.store.putting_back import PutBack
from shared.trigger import Claim, TriggerId, TriggerStatus

log = logging.getLogger("cronny.record")

CHANGED = "; the schedule was paused, edited or deleted meanwhile, so none follows"


@dataclass(frozen=True, slots=True)
class JobEnded:
    """A job of a claimed trigger ended; ``next_timeout`` in seconds is that of the job that follows, if one does."""

    claim: Claim
    execution: JobExecution
    next_timeout: int | None


@dataclass(frozen=True, slots=True)
class JobSending:
    """A job that is sent at most once is about to be, for at most ``next_timeout`` seconds.

    ``written`` gets True once that is durable, False when it must not be sent.
    """

    claim: Claim
    job_id: JobId
    next_timeout: int
    written: SimpleQueue[bool]


@dataclass(frozen=True, slots=True)
class TriggerEnded:
    """A claimed trigger ended."""

    claim: Claim
    status: TriggerStatus
    reason: str | None


@dataclass(frozen=True, slots=True)
class TriggerPutBack:
    """A claimed trigger goes on in another attempt at ``at``; ``cause`` is the reason without what follows.

    ``held_for``: the host that it waits for.
    """

    claim: Claim
    at: datetime
    reason: str
    cause: str
    held_for: str | None = None


Event = JobEnded | JobSending | TriggerEnded | TriggerPutBack


def ending(claim: Claim, result: WalkResult) -> Event:
    """What the end of a walk means for its trigger."""
    if result.status is WalkStatus.LATER:
        assert result.at is not None
        return TriggerPutBack(claim, result.at, result.reason or "", result.cause or "", result.held_for)
    return TriggerEnded(claim, TriggerStatus(result.status.value), result.reason)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of events: triggers that are this executor's no longer, and those that ended or were put back."""

    lost: frozenset[TriggerId] = frozenset()
    over: Mapping[TriggerId, TriggerStatus] = field(default_factory=dict)


def record(services: Services, events: Sequence[Event], now: datetime) -> Recorded:
    """Write events, in order, in one transaction.

    Raises ``Unavailable`` while the database is away: the same events may be recorded again, even if the COMMIT did
    happen. An event that the database refuses is logged and dropped, so that it harms no other; was it the end of a
    trigger, then its lease runs out.
    """
    try:
        return _record(services, events, now)
    except Unavailable:
        raise
    except CronnyError:
        if len(events) > 1:
            return _merged([record(services, part, now) for part in _parts(events)])
        log.exception("trigger %s: cannot be recorded", events[0].claim.id)
        return Recorded() if isinstance(events[0], JobEnded) else Recorded(frozenset([events[0].claim.id]))


def still_ours(services: Services, claims: Sequence[Claim]) -> set[TriggerId]:
    """Which of these triggers are this executor's still; as far as it knows, all of them while the database is away."""
    try:
        with services.database.begin() as connection:
            return executing.standing(connection, claims)
    except Unavailable:
        return {claim.id for claim in claims}


def _merged(parts: Sequence[Recorded]) -> Recorded:
    over = {key: status for part in parts for key, status in part.over.items()}
    return Recorded(frozenset().union(*(part.lost for part in parts)), over)


def _parts(events: Sequence[Event]) -> list[list[Event]]:
    """The events of each trigger; those of a single one, each by itself."""
    by_trigger: dict[TriggerId, list[Event]] = {}
    for event in events:
        by_trigger.setdefault(event.claim.id, []).append(event)
    return list(by_trigger.values()) if len(by_trigger) > 1 else [[event] for event in events]


def _record(services: Services, events: Sequence[Event], now: datetime) -> Recorded:
    """One transaction: executions first, because they are fenced by the status that the endings change.

    A job that failed and what follows from it are written together or not at all: a crash in between would count a try
    without a wait, or forget that a job must not be sent again.
    """
    endings = [event for event in events if isinstance(event, TriggerEnded)]
    returns = [event for event in events if isinstance(event, TriggerPutBack)]
    last = {event.claim.id: event.claim for event in events if isinstance(event, TriggerEnded | TriggerPutBack)}
    leases = _leases([event for event in events if event.claim.id not in last], now, services.clock.speed)
    with services.database.begin() as connection:
        ends = [item.claim.schedule_id for item in endings if item.claim.leads_on or item.claim.others_wait]
        putting_back.lock(connection, [*ends, *(item.claim.schedule_id for item in returns)])
        executing.record(
            connection, [executing.Record(item.claim, item.execution) for item in events if isinstance(item, JobEnded)]
        )
        held = executing.extend(connection, list(leases.values()))
        finished = [executing.Ending(item.claim, item.status, item.reason) for item in endings]
        ended = executing.finish(connection, finished, now)
        over = {item.claim.id: item.status for item in endings if item.claim.id in ended}
        back = [PutBack(item.claim, item.at, item.reason, item.cause + CHANGED, item.held_for) for item in returns]
        over |= putting_back.put_back(connection, back, now)
        ended_claims = [last[key] for key, status in over.items() if status is not TriggerStatus.SCHEDULED]
        following.plan_after(connection, [claim.schedule_id for claim in ended_claims if claim.leads_on], now)
        awaited = [claim.schedule_id for claim in ended_claims if claim.others_wait]
        overlapping.wake(connection, awaited, now, services.clock.speed)
        holding.release_closed(connection, back, now)
        if __debug__:
            reach("record.written", connection)
    if __debug__:
        reach("record.committed")
    return Recorded(frozenset({*leases, *last} - held - over.keys()), over)


def _leases(events: Sequence[Event], now: datetime, speed: float) -> dict[TriggerId, executing.Lease]:
    """What each trigger's last event says of its lease."""
    leases = {}
    for event in events:
        if isinstance(event, JobEnded | JobSending):
            until = now + (executing.LEASE_MARGIN + timedelta(seconds=event.next_timeout or 0)) * speed
            sending = event.job_id if isinstance(event, JobSending) else None
            leases[event.claim.id] = executing.Lease(event.claim, until, sending)
    return leases
