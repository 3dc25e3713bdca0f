"""How far a walk is: shared by the thread that walks and the one that watches it and talks to the database.

Nobody can stop a thread. So when a job's time is over the watcher takes its step away and records it itself; the walk
finds out when its runner comes back, and leaves without another word. The lock decides which of the two came first.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from threading import Condition

from shared.job import Job, JsonValue
from shared.outcome import FailureKind, JobExecution, Outcome
from shared.runners.failure import no_answer_within


@dataclass(frozen=True, slots=True)
class Step:
    """A job that runs: since when, until which instant of ``time.monotonic()``, and how many seconds that gives it.

    ``rest_at``: when another attempt may do what is left beside it, should nobody come back from it; None: nothing is.
    """

    job: Job
    input: JsonValue
    started_at: datetime
    deadline: float
    seconds: float
    rest_at: datetime | None = None

    def ended(self, outcome: Outcome, at: datetime) -> JobExecution:
        """The record of it."""
        return JobExecution(self.job.id, self.job.name, self.job.job_type, self.input, outcome, self.started_at, at)

    def overrun(self, at: datetime) -> JobExecution:
        """The record of it when nobody waits any longer."""
        return self.ended(Outcome.failed(no_answer_within(self.seconds), kind=FailureKind.NO_ANSWER), at)


class Progress:
    """What runs now, until when the lease covers it, and whether anybody still waits for it."""

    def __init__(self, covered_until: float = math.inf, asked_to_stop: Callable[[], bool] = lambda: False) -> None:
        self._changed = Condition()
        self._step: Step | None = None
        self._abandoned = False
        self._asked_to_stop = asked_to_stop
        self._covered_until = covered_until

    @property
    def step(self) -> Step | None:
        """What runs now; None before, between and after jobs."""
        return self._step

    @property
    def abandoned(self) -> bool:
        """Whether nobody waits any longer."""
        return self._abandoned

    @property
    def stopping(self) -> bool:
        """Whether no job is to be begun any more."""
        return self._asked_to_stop()

    @property
    def _may_begin(self) -> bool:
        return not (self._abandoned or self.stopping)

    def wake(self) -> None:
        """For the watcher, when the executor is asked to stop: what waits for its lease need not wait any more."""
        with self._changed:
            self._changed.notify_all()

    def give_up(self, overdue_at: float) -> Step | None:
        """Take away the step whose deadline has passed at this instant; nothing will be reported of it or after it.

        None when no step is overdue (the walk goes on) or it was taken before. Leave a runner a second beyond its
        deadline: its own words about what went wrong are better than the watcher's.
        """
        with self._changed:
            if self._abandoned or self._step is None or overdue_at <= self._step.deadline:
                return None
            self._abandoned = True
            return self._step

    def abandon(self) -> Step | None:
        """Stop waiting whatever runs; the answer is what did. Nothing will be reported any more."""
        with self._changed:
            self._abandoned = True
            self._changed.notify_all()
            return self._step

    def cover(self, until: float) -> None:
        """The lease now covers what ends by this instant of ``time.monotonic()``."""
        with self._changed:
            self._covered_until = until
            self._changed.notify_all()

    def covered(self, seconds: float, lasts_until: float) -> bool:
        """For the walk: wait until the lease covers a job of that many seconds; False when it must not begin.

        While the database is away no lease is extended, and what is not covered may be another executor's already.
        """
        with self._changed:
            while self._may_begin and min(time.monotonic() + seconds, lasts_until) > self._covered_until:
                if not self._changed.wait(max(lasts_until - time.monotonic(), 0)):
                    return False
            return self._may_begin

    def begin(self, step: Step) -> bool:
        """For the walk: this runs now. False when nobody waits."""
        with self._changed:
            self._step = step
            return not self._abandoned

    def end(self, tell: Callable[[], None]) -> bool:
        """For the walk: what ran has ended, ``tell`` says so. False, and nothing said, when nobody waits."""
        with self._changed:
            if not self._abandoned:
                tell()
            self._step = None
            return not self._abandoned
