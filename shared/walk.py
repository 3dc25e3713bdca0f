"""Walking an action's chain for one attempt of one trigger: the root job, its condition, the next job, until it ends.

Nobody can stop a thread, so the thread that walks is watched by another one, through ``Progress``: what runs now, and
until when. When that is over, the watcher takes the step away and records it itself. The walk finds out when its runner
comes back, and leaves without another word. The lock in ``Progress`` decides which of the two came first.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from threading import Lock

from shared import inputs
from shared.action import JobGraph
from shared.conditions import next_job
from shared.errors import Invalid
from shared.failpoints import reach
from shared.job import Job, JobId, JsonObject, JsonValue
from shared.outcome import JobExecution, Outcome
from shared.runners import RunContext, Runner
from shared.runners.failure import no_answer_within

_log = logging.getLogger(__name__)

# What has ended, and how many seconds the job after it may take (None: the chain is over), for the lease to cover.
Report = Callable[[JobExecution, int | None], None]


class WalkStatus(StrEnum):
    """How a chain ends."""

    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class WalkResult:
    """What became of a chain; ``reason`` is a sentence that names the job that failed."""

    status: WalkStatus
    reason: str | None = None

    @classmethod
    def failed(cls, reason: str) -> "WalkResult":
        """The chain broke off."""
        return cls(WalkStatus.FAILED, reason)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of one trigger. ``lasts_until`` is an instant of ``time.monotonic()`` that no job may outlive.

    ``context`` is what templates see of the run: {schedule, trigger}. ``done`` are the jobs that completed in earlier
    attempts: they do not run again, their output counts. ``idempotency_key`` is the trigger's, alike in every attempt.
    """

    graph: JobGraph
    trigger_id: int
    number: int
    idempotency_key: str
    context: JsonObject
    lasts_until: float
    done: Mapping[JobId, JobExecution] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """A job that runs: since when, until which instant of ``time.monotonic()``, and how many seconds that gives it."""

    job: Job
    input: JsonValue
    started_at: datetime
    deadline: float
    seconds: float

    def ended(self, outcome: Outcome, at: datetime) -> JobExecution:
        """The record of it."""
        return JobExecution(self.job.id, self.job.name, self.job.job_type, self.input, outcome, self.started_at, at)

    def overrun(self, at: datetime) -> JobExecution:
        """The record of it when nobody waits any longer."""
        return self.ended(Outcome.failed(no_answer_within(self.seconds)), at)


class Progress:
    """How far a walk is, for the thread that watches it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._step: Step | None = None
        self._abandoned = False

    @property
    def step(self) -> Step | None:
        """What runs now; None before, between and after jobs."""
        return self._step

    def give_up(self, overdue_at: float) -> Step | None:
        """Take away the step whose deadline has passed at this instant; nothing will be reported of it or after it.

        None when no step is overdue (the walk goes on) or it was taken before. Leave a runner a second beyond its
        deadline: its own words about what went wrong are better than the watcher's.
        """
        with self._lock:
            if self._abandoned or self._step is None or overdue_at <= self._step.deadline:
                return None
            self._abandoned = True
            return self._step

    def abandon(self) -> Step | None:
        """Stop waiting whatever runs; the answer is what did. Nothing will be reported any more."""
        with self._lock:
            self._abandoned = True
            return self._step

    def begin(self, step: Step) -> bool:
        """For the walk: this runs now. False when nobody waits."""
        with self._lock:
            self._step = step
            return not self._abandoned

    def end(self, tell: Callable[[], None]) -> bool:
        """For the walk: what ran has ended, ``tell`` says so. False, and nothing said, when nobody waits."""
        with self._lock:
            if not self._abandoned:
                tell()
            self._step = None
            return not self._abandoned


def walk(
    attempt: Attempt, runners: Mapping[str, Runner], now: Callable[[], datetime], report: Report, progress: Progress
) -> WalkResult | None:
    """Run the chain to its end; None when it was abandoned on the way.

    ``report`` is called once for each job that ran, in order, before the next one begins, and must not wait.
    """
    try:
        return _Walk(attempt, runners, now, report, progress).go()
    except Exception as error:
        # Whatever it is, it must end this trigger and no other.
        _log.exception("a walk broke")
        return WalkResult.failed(f"Cronny could not run this action ({type(error).__name__})")


@dataclass(slots=True)
class _Walk:
    attempt: Attempt
    runners: Mapping[str, Runner]
    now: Callable[[], datetime]
    report: Report
    progress: Progress
    ended: dict[JobId, JobExecution] = field(default_factory=dict)

    def go(self) -> WalkResult | None:
        at: Job | WalkResult | None = self.attempt.graph.root or WalkResult.failed("the action has no root job")
        while isinstance(at, Job):
            at = self._visit(at)
        return at

    def _visit(self, job: Job) -> Job | WalkResult | None:
        """What comes after the job: another job, the end, or None when nobody waits."""
        kept = self.attempt.done.get(job.id)
        if kept is not None and kept.outcome.ok:
            return self._after(job, kept)
        execution = self._run(job)
        if execution is None:
            return None
        after = self._after(job, execution)
        timeout = after.job_timeout_in_secs if isinstance(after, Job) else None
        return after if self.progress.end(lambda: self.report(execution, timeout)) else None

    def _run(self, job: Job) -> JobExecution | None:
        started = time.monotonic()
        deadline = min(started + job.job_timeout_in_secs, self.attempt.lasts_until)
        try:
            given = inputs.job_input(job, self.attempt.graph, self.ended, self._context())
            unusable = None
        except Invalid as error:
            given, unusable = job.job_input_value, Outcome.failed(f"its input cannot be made: {error}")
        step = Step(job, given, self.now(), deadline, max(deadline - started, 0.0))
        if not self.progress.begin(step):
            return None
        return step.ended(unusable or self._outcome(step), self.now())

    def _outcome(self, step: Step) -> Outcome:
        job = step.job
        runner = self.runners.get(job.job_type)
        if runner is None:
            return Outcome.failed(f"there is no job type {job.job_type}")
        if step.deadline <= time.monotonic():
            return Outcome.failed("no time was left for it in this run of the executor")
        attempt = self.attempt
        key = f"{attempt.idempotency_key}-{job.id}"
        try:
            if __debug__:
                reach("run.started")
            outcome = runner.run(step.input, RunContext(step.deadline, key, attempt.trigger_id, attempt.number))
        except Exception as error:
            _log.exception("a runner raised instead of answering", extra={"job_type": job.job_type})
            return Outcome.failed(f"the {job.job_type} runner failed unexpectedly ({type(error).__name__})")
        if __debug__:
            reach("run.answered")
        return outcome

    def _after(self, job: Job, execution: JobExecution) -> Job | WalkResult:
        self.ended[job.id] = execution
        outcome = execution.outcome
        if not outcome.ok:
            return WalkResult.failed(f"job {job.name} failed: {outcome.error}")
        following = next_job(job.condition, outcome.output, self._context())
        if following is None:
            return WalkResult(WalkStatus.COMPLETED)
        # No cycle is saved, but jobs are edited one by one while others run: each job runs once, so every walk ends.
        if following in self.ended:
            return WalkResult.failed(f"job {job.name} leads back to {self.ended[following].job_name}: a cycle")
        found = next((other for other in self.attempt.graph.jobs if other.id == following), None)
        return found or WalkResult.failed(f"job {job.name} leads to a job that this action no longer has")

    def _context(self) -> JsonObject:
        jobs: JsonObject = {
            ended.job_name: {"output": ended.outcome.output, "status": ended.outcome.status.value}
            for ended in self.ended.values()
        }
        return {**self.attempt.context, "jobs": jobs, "now": self.now().isoformat().replace("+00:00", "Z")}
