"""One attempt of one trigger: what it starts from, how it ends, and whether another one follows a failure. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from shared import retry
from shared.action import JobGraph
from shared.clock import whole_second_after
from shared.job import Delivery, Job, JobId, JsonObject
from shared.outcome import JobExecution, Outcome
from shared.progress import Step
from shared.runners import NOBODY
from shared.secret import Reveal, reveal_nothing
from shared.user import UserId


class WalkStatus(StrEnum):
    """How an attempt ends; ``later`` leaves the rest to another one."""

    COMPLETED = "completed"
    FAILED = "failed"
    LATER = "later"


@dataclass(frozen=True, slots=True)
class WalkResult:
    """What became of a chain; ``reason`` is a sentence that names the job.

    Of a chain that goes on later: ``at`` is when another attempt may begin, and ``cause`` the reason without that.
    ``held_for``: the host that is left alone, when that is what it waits for; then nothing was tried.
    """

    status: WalkStatus
    reason: str | None = None
    at: datetime | None = None
    cause: str | None = None
    held_for: str | None = None

    @classmethod
    def failed(cls, reason: str) -> "WalkResult":
        """The chain broke off."""
        return cls(WalkStatus.FAILED, reason)

    @classmethod
    def later(cls, cause: str, follows: str, at: datetime) -> "WalkResult":
        """The chain goes on in another attempt, not before ``at``."""
        return cls(WalkStatus.LATER, f"{cause}; {follows}", at, cause)

    @classmethod
    def wait(cls, host: str, cause: str, follows: str, at: datetime) -> "WalkResult":
        """The chain goes on when its host is called again; at ``at`` it looks by itself."""
        return cls(WalkStatus.LATER, f"{cause}; {follows}", at, cause, host)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt does not complete, and the job that runs because of it, if one does."""

    reason: str
    on_failure_job_id: JobId | None = None

    def result(self, ended: Mapping[JobId, JobExecution]) -> WalkResult:
        """The end of a trigger for this reason: it says what became of that job, too."""
        ran = None if self.on_failure_job_id is None else ended.get(self.on_failure_job_id)
        if ran is None:
            return WalkResult.failed(self.reason)
        told = self.reason.rstrip(".")
        if ran.outcome.ok:
            return WalkResult.failed(f"{told}; job {ran.job_name} ran because of it")
        return WalkResult.failed(
            f"{told}; job {ran.job_name}, which ran because of it, failed too: {ran.outcome.error}"
        )


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of one trigger. ``lasts_until`` is an instant of ``time.monotonic()`` that no job may outlive.

    ``context`` is what templates see of the run: {schedule, trigger}. ``done`` are the jobs that completed in earlier
    attempts, or failed for good: they do not run again, their output counts. ``tries`` is how often each job has failed
    in earlier ones, ``since`` when the first of them began. ``job_inputs`` {"job id": input} replace those of jobs.
    ``idempotency_key`` is the trigger's, alike in every attempt. ``chance`` in [0, 1) spreads the next attempt,
    ``speed`` is the clock's. ``reveal`` opens its user's secrets. ``user_id`` is whose run it is,
    ``trace_id`` what its requests are found by in traces.
    """

    graph: JobGraph
    trigger_id: int
    number: int
    idempotency_key: str
    context: JsonObject
    lasts_until: float
    done: Mapping[JobId, JobExecution] = field(default_factory=dict)
    tries: Mapping[JobId, int] = field(default_factory=dict)
    since: datetime | None = None
    job_inputs: JsonObject = field(default_factory=dict)
    chance: float = 0.5
    speed: float = 1.0
    reveal: Reveal = reveal_nothing
    user_id: UserId = NOBODY
    trace_id: str = ""

    def traced(self) -> dict[str, int | str]:
        """What log lines about it have, beside what they say."""
        return {"trigger_id": self.trigger_id, "trace_id": self.trace_id}


def after_failure(attempt: Attempt, job: Job, outcome: Outcome, now: datetime) -> WalkResult:
    """Whether the job is tried again, and when; the reason says why not, where its policy would have."""
    policy, tries = job.retry, attempt.tries.get(job.id, 0) + 1
    failed = f"job {job.name} failed: {outcome.error}"
    if policy is None or policy.max_attempts == 0 or outcome.failure not in policy.on:
        return WalkResult.failed(failed)
    told = f"Attempt {tries} of {failed}".rstrip(".")
    if tries > policy.max_attempts:
        return WalkResult.failed(f"{told}; it was the last one")
    if job.delivery is Delivery.AT_MOST_ONCE and outcome.maybe_sent:
        return WalkResult.failed(f"{told}; it may have been delivered and is sent at most once, so none follows")
    asked = (outcome.retry_after or 0) * attempt.speed
    at = _on_a_tick(now, retry.delay(policy, tries, asked, attempt.chance))
    if at - (attempt.since or now) > retry.LONGEST:
        return WalkResult.failed(f"{told}; the next one would be later than 7 days after the first, so none follows")
    return WalkResult.later(told, f"another one follows at {_text(at)}", at)


def given_up(job: Job, execution: JobExecution) -> WalkResult:
    """The job failed for good in an earlier attempt."""
    return WalkResult.failed(f"job {job.name} failed: {execution.outcome.error}")


def lost(job: Job, now: datetime) -> JobExecution:
    """The record of a job that may be sent once only, and was being sent when the executor was lost."""
    why = "the executor was lost while it ran; it may have been delivered and is sent at most once"
    return JobExecution(job.id, job.name, job.job_type, None, Outcome.failed(why), now, now, final=True)


def together(results: Sequence[WalkResult]) -> WalkResult:
    """When several jobs are left to another attempt: it begins when the last of them may, so that none comes too early.

    What waits for a host need not be waited for while something else has a time of its own: it is asked for again then.
    """
    timed = [result for result in results if result.held_for is None]
    return max(timed, key=lambda result: (result.at is not None, result.at)) if timed else results[0]


def overrun(attempt: Attempt, step: Step, now: datetime) -> tuple[JobExecution, WalkResult]:
    """The record of a job that nobody waits for any longer, and what follows.

    The thread that would go on with other jobs is lost with it, so those are left to another attempt.
    """
    execution = step.overrun(now)
    result = after_failure(attempt, step.job, execution.outcome, now)
    if result.status is WalkStatus.FAILED:
        execution = replace(execution, final=True)
    if step.rest_at is None:
        return execution, result
    if result.status is WalkStatus.FAILED:
        rest = "the rest of the action goes on in another attempt"
        return execution, WalkResult.later(result.reason or "", rest, max(step.rest_at, now))
    at = max(step.rest_at, result.at or now)
    return execution, WalkResult.later(result.cause or "", f"another one follows at {_text(at)}", at)


def out_of_time(job: Job, now: datetime) -> WalkResult:
    """The job is left to another attempt, which follows at once."""
    return WalkResult.later(f"This run of the executor had no time left for job {job.name}", "another one follows", now)


def stopped(job: Job, now: datetime) -> WalkResult:
    """The executor has to stop: the same."""
    return WalkResult.later(
        f"The executor was stopped before job {job.name}", "another attempt goes on from there", now
    )


def _on_a_tick(now: datetime, seconds: float) -> datetime:
    """Nothing is dispatched but on whole seconds: say the one that it will be."""
    at = now + timedelta(seconds=seconds)
    return at if at.microsecond == 0 else whole_second_after(at)


def _text(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
