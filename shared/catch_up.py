"""Catch-up: what becomes of occurrences whose time has passed. Pure.

Lengths are real: what is late in fast time was not away, so ``speed`` (of the clock) makes them longer by the clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.schedule import CatchUp

# How late an occurrence may be and still simply run, where its schedule does not say.
DEFAULT_WINDOW: Mapping[CatchUp, timedelta] = {
    CatchUp.NONE: timedelta(minutes=5),
    CatchUp.LATEST: timedelta(minutes=5),
    CatchUp.ALL: timedelta(days=1),
}
# A tick takes its time, and so does the change of creators: that is never late, however small the window.
NEVER_LATE = timedelta(seconds=10)
# A run that comes later than this makes up for an outage; so many in a row are enough.
LATE = timedelta(minutes=5)
MAX_LATE_RUNS = 1000

GIVEN_UP = "Missed: Cronny was not running at the time, and its schedule does not catch up."
SUPERSEDED = "Missed: Cronny was not running at the time, and a later occurrence was due as well."
ENOUGH = (
    f"Missed: Cronny was not running at the time, and {MAX_LATE_RUNS:,} late runs of its schedule had made up for it."
)


@dataclass(frozen=True, slots=True)
class Backlog:
    """A schedule's way of catching up, and how many late runs it has had since the last one on time.

    ``window`` in seconds, or None for what the policy says.
    """

    policy: CatchUp
    window: int | None
    late_runs: int
    now: datetime
    speed: float

    def given_up(self, due_at: datetime) -> str | None:
        """Why the occurrence is skipped whatever comes after it; None when it is not."""
        return GIVEN_UP if self.policy is CatchUp.NONE and self._missed(due_at) else None

    def superseded(self, due_at: datetime, following: datetime | None) -> str | None:
        """Why the occurrence is skipped in favour of later ones; never when it is the latest that is due."""
        if following is None or following > self.now:
            return None
        if self._missed(due_at):
            return SUPERSEDED
        return ENOUGH if self.late(due_at) and self.late_runs >= MAX_LATE_RUNS else None

    def late(self, due_at: datetime) -> bool:
        """Whether a run of it now makes up for an outage."""
        return due_at < self.now - LATE * self.speed

    def _missed(self, due_at: datetime) -> bool:
        window = DEFAULT_WINDOW[self.policy] if self.window is None else timedelta(seconds=self.window)
        return due_at < self.now - max(window, NEVER_LATE) * self.speed
