"""Walking an action's chain for one attempt of one trigger: the root job, its condition, the next job, to the end."""

import logging
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.attempt import Attempt, WalkResult, WalkStatus, after_failure, out_of_time, stopped
from shared.conditions import next_job
from shared.failpoints import reach
from shared.job import Delivery, Job, JobId, JsonObject
from shared.outcome import FailureKind, JobExecution, Outcome
from shared.prepare import Prepared, prepare
from shared.progress import Progress, Step
from shared.redaction import NOTHING, Redaction
from shared.runners import RunContext, Runner

_log = logging.getLogger(__name__)

# What has ended, and how many seconds the job after it may take (None: the chain is over), for the lease to cover.
Report = Callable[[JobExecution, int | None], None]
# Write down that this job is about to be sent; False when it is not written before the deadline, or nobody waits.
Announce = Callable[[Job, float], bool]
# Whether the job may call its host now: None, or what becomes of the attempt instead.
Admit = Callable[[Step], WalkResult | None]


def walk(
    attempt: Attempt,
    runners: Mapping[str, Runner],
    now: Callable[[], datetime],
    report: Report,
    progress: Progress,
    announce: Announce = lambda _job, _deadline: True,
    admit: Admit = lambda _step: None,
) -> WalkResult | None:
    """Run the chain to its end; None when it was abandoned on the way.

    ``report`` is called once for each job that ran, in order, before the next one begins, and must not wait.
    ``announce`` is called before a job of ``at_most_once`` is sent, and waits until that is durable. ``admit`` is
    called before any job is sent, with the input that was made for it.
    """
    walking = _Walk(attempt, runners, now, report, progress, announce, admit)
    try:
        return walking.go()
    except Exception as error:
        # Whatever it is, it must end this trigger and no other.
        _log.error("a walk broke\n%s", walking.redaction.text(traceback.format_exc()), extra=attempt.traced())
        return WalkResult.failed(f"Cronny could not run this action ({type(error).__name__})")


@dataclass(slots=True)
class _Walk:
    attempt: Attempt
    runners: Mapping[str, Runner]
    now: Callable[[], datetime]
    report: Report
    progress: Progress
    announce: Announce
    admit: Admit
    ended: dict[JobId, JobExecution] = field(default_factory=dict)
    opened: dict[str, str] = field(default_factory=dict)
    redaction: Redaction = NOTHING
    has_run: bool = False

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
        if not self._has_time(job):
            return self._left(job)
        execution = self._run(job)
        if not isinstance(execution, JobExecution):
            return execution
        after = self._after(job, execution)
        timeout = self._next_timeout(after)
        return after if self.progress.end(lambda: self.report(execution, timeout)) else None

    def _left(self, job: Job) -> WalkResult | None:
        """What becomes of a job that is not begun."""
        if self.progress.abandoned:
            return None
        return stopped(job, self.now()) if self.progress.stopping else out_of_time(job, self.now())

    def _next_timeout(self, after: Job | WalkResult) -> int | None:
        if not isinstance(after, Job):
            return None
        # What completed in an earlier attempt is passed over, and what comes after it is not known yet.
        known = () if after.id in self.attempt.done else (after,)
        return max(job.job_timeout_in_secs for job in known or self.attempt.graph.jobs)

    def _has_time(self, job: Job) -> bool:
        """Whether the lease and this executor last for the job. The first one is never put off, so that all get on."""
        late = time.monotonic() + job.job_timeout_in_secs > self.attempt.lasts_until
        if late and self.has_run:
            return False
        return self.progress.covered(job.job_timeout_in_secs, self.attempt.lasts_until)

    def _run(self, job: Job) -> JobExecution | WalkResult | None:
        self.has_run = True
        started = time.monotonic()
        deadline = min(started + job.job_timeout_in_secs, self.attempt.lasts_until)
        replaced = self.attempt.job_inputs.get(str(job.id))
        prepared = prepare(
            job,
            self.attempt.graph,
            self.ended,
            self._context(),
            self.attempt.reveal,
            opened=self.opened,
            replaced=replaced,
        )
        self.redaction = prepared.redaction
        # From here on nobody but the runner sees the input as it is.
        step = Step(job, prepared.shown, self.now(), deadline, max(deadline - started, 0.0))
        if not self.progress.begin(step):
            return None
        outcome = prepared.unusable or self._impossible(step)
        wait = self.admit(step) if outcome is None else None
        if wait is not None:
            return wait if self.progress.end(lambda: None) else None
        if outcome is None and job.delivery is Delivery.AT_MOST_ONCE and not self.announce(job, deadline):
            return None if not self.progress.end(lambda: None) else out_of_time(job, self.now())
        return step.ended(prepared.redaction.outcome(outcome or self._outcome(step, prepared)), self.now())

    def _impossible(self, step: Step) -> Outcome | None:
        """Why the job's runner cannot be asked."""
        if step.job.job_type not in self.runners:
            return Outcome.failed(f"there is no job type {step.job.job_type}", maybe_sent=False)
        if step.deadline <= time.monotonic():
            return Outcome.failed("no time was left for it in this run of the executor", maybe_sent=False)
        return None

    def _outcome(self, step: Step, prepared: Prepared) -> Outcome:
        job, attempt = step.job, self.attempt
        key = f"{attempt.idempotency_key}-{job.id}"
        once = job.delivery is Delivery.AT_MOST_ONCE
        redact = prepared.redaction.text
        context = RunContext(
            step.deadline,
            key,
            attempt.trigger_id,
            attempt.number,
            once,
            step.started_at,
            redact,
            attempt.user_id,
            attempt.trace_id,
        )
        try:
            if __debug__:
                reach("run.started")
            outcome = self.runners[job.job_type].run(prepared.input, context)
            if __debug__:
                reach("run.answered")
        except Exception as error:
            raised = redact(traceback.format_exc())
            extra = {"job_type": job.job_type, **attempt.traced()}
            _log.error("a runner raised instead of answering\n%s", raised, extra=extra)
            broken = f"the {job.job_type} runner failed unexpectedly ({type(error).__name__})"
            return Outcome.failed(broken, kind=FailureKind.CRASHED)
        return outcome

    def _after(self, job: Job, execution: JobExecution) -> Job | WalkResult:
        self.ended[job.id] = execution
        outcome = execution.outcome
        if not outcome.ok:
            return after_failure(self.attempt, job, outcome, self.now())
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
