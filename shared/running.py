"""What an executor has in hand: the claimed triggers of a pack, and what their walks have said so far."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from queue import SimpleQueue

from shared.action import JobGraph
from shared.attempt import Attempt
from shared.gate import Gate
from shared.progress import Progress
from shared.record import Event
from shared.services import Services
from shared.stop import Stop
from shared.store.graphs import Earlier
from shared.tracing import trace_id
from shared.trigger import Claim, TriggerId

# Of the lease's margin, so much is kept for recording a job after its end.
RECORD_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Running:
    """A claimed trigger that has not ended."""

    claim: Claim
    attempt: Attempt
    progress: Progress


@dataclass(slots=True)
class RunningPack:
    """Claimed triggers that have not ended, and what their walks have said so far.

    What belongs together is said in one breath, and is recorded in one transaction.
    """

    services: Services
    claimed_at: datetime
    speed: float
    lasts_until: float
    origin: float
    gate: Gate
    stop: Stop
    running: dict[TriggerId, Running] = field(default_factory=dict)
    given_up: set[TriggerId] = field(default_factory=set)
    asked: float = field(default_factory=time.monotonic)
    said: SimpleQueue[Sequence[Event]] = field(default_factory=SimpleQueue)

    def now(self) -> datetime:
        """Counted on from the claim: threads must not ask the database for the time."""
        return self.claimed_at + timedelta(seconds=(time.monotonic() - self.origin) * self.speed)

    def covered_until(self, claim: Claim) -> float:
        """Until which instant of ``time.monotonic()`` a job may run under the lease that came with the claim."""
        lease = (claim.lease_until - self.claimed_at).total_seconds() / self.speed
        return self.origin + lease - RECORD_SECONDS

    def attempt(self, claim: Claim, graph: JobGraph, earlier: Earlier) -> Attempt:
        """The attempt that a claim is."""
        return Attempt(
            graph=graph,
            trigger_id=claim.id,
            number=claim.attempt,
            idempotency_key=f"cronny-{claim.id}",
            context={
                "schedule": {"id": claim.schedule_id, "name": claim.schedule_name, "input": claim.schedule_input},
                "trigger": {"id": claim.id, "due_at": claim.due_at.isoformat(), "attempt": claim.attempt},
            },
            lasts_until=self.lasts_until,
            done=earlier.done,
            tries=earlier.tries,
            # A dead letter that was sent on its way again has its seven days anew.
            since=earlier.since if claim.redrives else claim.started_at,
            job_inputs=claim.job_inputs or {},
            chance=random.random(),  # noqa: S311 - spreads load, keeps no secret
            speed=self.speed,
            user_id=claim.user_id,
            trace_id=trace_id(self.services.settings, claim.id),
        )
