"""What an executor has in hand: the claimed triggers of a pack, and what their walks have said so far."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from queue import SimpleQueue

from shared.attempt import Attempt
from shared.gate import Gate
from shared.progress import Progress
from shared.record import Event
from shared.services import Services
from shared.stop import Stop
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
