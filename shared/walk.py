"""Walking an action for one attempt of one trigger: the root job, its condition, the jobs that follow, to the end."""

import logging
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.attempt import (
    Attempt,
    Failure,
    WalkResult,
    WalkStatus,
    after_failure,
    given_up,
    out_of_time,
    stopped,
    together,
)
from shared.conditions import next_jobs
from shared.failpoints import reach
from shared.job import Delivery, Job, JobId, JsonObject
from shared.outcome import FailureKind, JobExecution, Outcome
from shared.prepare import Prepared, prepare
from shared.progress import Progress, Step
from shared.redaction import NOTHING, Redaction
from shared.route import Route
from shared.runners import RunContext, Runner

_log = logging.getLogger(__name__)

# What has ended, and how many seconds the job after it may take (None: none follows now), for the lease to cover.
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
    """Run the jobs to their end; None when it was abandoned on the way.

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
    failures: list[Failure] = field(default_factory=list)
    later: list[WalkResult] = field(default_factory=list)
    route: Route = field(init=False)

    def __post_init__(self) -> None:
        self.route = Route(self.attempt.graph, self.attempt.done, self.attempt.tries)

    def go(self) -> WalkResult | None:
        root = self.attempt.graph.root
        if root is None:
            return WalkResult.failed("the action has no root job")
        self.route.begin(root)
        going = True
        while going and (job := self.route.next()) is not None:
            going = self._visit(job)
        return None if self.progress.abandoned else self._result()

    def _visit(self, job: Job) -> bool:
        """Whether to go on: somebody still waits, and there is time for another job."""
        kept = self.attempt.done.get(job.id)
        if kept is not None and (kept.outcome.ok or kept.final):
            self._settle(job, kept)
            return True
        if not self._has_time(job):
            return self._leave(job, stopped if self.progress.stopping else out_of_time)
        execution = self._run(job)
        if execution is None or isinstance(execution, WalkResult):
            return execution is not None and self._put_aside(job, execution)
        ended = self._settle(job, execution)
        timeout = self._next_timeout()
        return self.progress.end(lambda: self.report(ended, timeout))

    def _leave(self, job: Job, why: Callable[[Job, datetime], WalkResult]) -> bool:
        """Begin neither this job nor any other."""
        self.later.append(why(job, self.now()))
        return False

    def _put_aside(self, job: Job, result: WalkResult) -> bool:
        """Leave this job to another attempt. What only waits for its host stops no other."""
        self.later.append(result)
        self.route.put_aside(job)
        return result.held_for is not None

    def _settle(self, job: Job, execution: JobExecution) -> JobExecution:
        """Take in what became of a job, and where it leads; answers its record."""
        if execution.outcome.ok:
            self.ended[job.id] = execution
            following = next_jobs(job.condition, execution.outcome.output, self._context())
            self.failures += [Failure(why) for why in self.route.completed(job, following)]
            return execution
        result = given_up(job, execution) if execution.final else self._after_failure(job, execution.outcome)
        if result.status is WalkStatus.LATER:
            self._put_aside(job, result)
            return execution
        self.ended[job.id] = execution
        self.failures.append(Failure(result.reason or "", job.on_failure_job_id))
        self.failures += [Failure(why) for why in self.route.failed(job)]
        return replace(execution, final=True)

    def _after_failure(self, job: Job, outcome: Outcome) -> WalkResult:
        return after_failure(self.attempt, job, outcome, self.now())

    def _result(self) -> WalkResult:
        """What becomes of the trigger. Whatever became of a failure that a job ran for, it has failed."""
        if self.later:
            result = together(self.later)
            # What only waits for a host is cancelled when its schedule changes; what has failed must not be.
            return replace(result, held_for=None) if self.failures else result
        if (stuck := self.route.stuck) is not None:
            self.failures.append(Failure(f"job {stuck.name} leads back to itself: a cycle"))
        return self.failures[0].result(self.ended) if self.failures else WalkResult(WalkStatus.COMPLETED)

    def _next_timeout(self) -> int | None:
        following = self.route.next()
        if following is None:
            return None
        # What is settled since an earlier attempt is passed over, and what comes after it is not known yet.
        known = () if following.id in self.attempt.done else (following,)
        return max(job.job_timeout_in_secs for job in known or self.attempt.graph.jobs)

    def _rest_at(self, job: Job) -> datetime | None:
        """When another attempt may do what is left beside this job; None: nothing is."""
        if self.later:
            return together(self.later).at
        return self.now() if self.route.others(job) or job.on_failure_job_id is not None else None

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
        seconds = max(deadline - started, 0.0)
        step = Step(job, prepared.shown, self.now(), deadline, seconds, self._rest_at(job))
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
            deadline=step.deadline,
            idempotency_key=key,
            trigger_id=attempt.trigger_id,
            attempt=attempt.number,
            once=once,
            at=step.started_at,
            redact=redact,
            user_id=attempt.user_id,
            trace_id=attempt.trace_id,
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

    def _context(self) -> JsonObject:
        jobs: JsonObject = {
            ended.job_name: {
                "output": ended.outcome.output,
                "status": ended.outcome.status.value,
                "error": ended.outcome.error,
                "failure": ended.outcome.failure and ended.outcome.failure.value,
            }
            for ended in self.ended.values()
        }
        return {**self.attempt.context, "jobs": jobs, "now": self.now().isoformat().replace("+00:00", "Z")}
