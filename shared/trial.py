"""A trial: one job runs now, in front of whoever made it, with inputs that are made up. Nothing of it is recorded."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from queue import Empty, SimpleQueue
from threading import Thread
from uuid import uuid4

from shared import inputs
from shared.action import JobGraph
from shared.job import Delivery, Job, JobId, JsonObject, JsonValue
from shared.outcome import FailureKind, JobExecution, Outcome
from shared.prepare import Prepared
from shared.runners import RunContext, Runner
from shared.runners.failure import no_answer_within
from shared.user import UserId

# The API's function has 29 s altogether, and its gateway 30: a test is over before.
MAX_SECONDS = 20
# Runners end by themselves, and say more than we could.
OVERRUN_SECONDS = 1.0
# Of a run that is none: no trigger has this id.
NO_TRIGGER = 0


@dataclass(frozen=True, slots=True)
class Samples:
    """What templates see: made-up ``jobs`` {NAME: {output, status}}, and fields of ``schedule`` and ``trigger``."""

    jobs: JsonObject = field(default_factory=dict)
    schedule: JsonObject = field(default_factory=dict)
    trigger: JsonObject = field(default_factory=dict)

    def context(self, now: datetime) -> JsonObject:
        """The same for templates, with what every run has."""
        instant = now.isoformat().replace("+00:00", "Z")
        return {
            "schedule": {"id": None, "name": None, "input": {}, **self.schedule},
            "trigger": {"id": NO_TRIGGER, "due_at": instant, "attempt": 1, **self.trigger},
            "jobs": self.jobs,
            "now": instant,
        }

    def done(self, graph: JobGraph, now: datetime) -> Mapping[JobId, JobExecution]:
        """The jobs of the graph that have an output here, as if they had run."""
        done: dict[JobId, JobExecution] = {}
        for job in graph.jobs:
            if isinstance(sample := self.jobs.get(job.name), Mapping):
                ended = Outcome.completed(sample.get("output"))
                done[job.id] = JobExecution(job.id, job.name, job.job_type, None, ended, now, now)
        return done


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a test; ``input`` is what the runner got, without secrets, ``seconds`` how long it took."""

    input: JsonValue
    outcome: Outcome
    seconds: float


def made_input(job: Job, graph: JobGraph, samples: Samples, now: datetime, values: Mapping[str, str] = {}) -> JsonValue:
    """The input that the job would get; ``values`` are its secrets. Raises ``Invalid``."""
    return inputs.job_input(job, graph, samples.done(graph, now), samples.context(now), values)


def seconds_for(job: Job) -> int:
    """How long a test of this job may take."""
    return min(job.job_timeout_in_secs, MAX_SECONDS)


def try_out(runner: Runner | None, job: Job, prepared: Prepared, user_id: UserId, now: datetime) -> Tried:
    """Run it, with the same guards as ever.

    A breaker neither stops nor counts it: this is how to see whether a host is well again.
    """
    if prepared.unusable is not None:
        return Tried(prepared.shown, prepared.unusable, 0.0)
    if runner is None:
        return Tried(prepared.shown, Outcome.failed(f"there is no job type {job.job_type}", maybe_sent=False), 0.0)
    started = time.monotonic()
    context = RunContext(
        deadline=started + seconds_for(job),
        # Another one for each test: whoever presses the button twice means it.
        idempotency_key=f"cronny-test-{uuid4().hex}-{job.id}",
        trigger_id=NO_TRIGGER,
        attempt=1,
        once=job.delivery is Delivery.AT_MOST_ONCE,
        at=now,
        redact=prepared.redaction.text,
        user_id=user_id,
        trace_id=uuid4().hex,
    )
    late = Outcome.failed(_too_slow(job), kind=FailureKind.NO_ANSWER)
    outcome = _answered(runner, prepared.input, context) or late
    return Tried(prepared.shown, prepared.redaction.outcome(outcome), time.monotonic() - started)


def _answered(runner: Runner, given: JsonValue, context: RunContext) -> Outcome | None:
    """What the runner answers in time; None when it does not. Nobody can stop a thread: a slow one is left behind."""
    answers: SimpleQueue[Outcome] = SimpleQueue()
    Thread(target=_ask, args=(runner, given, context, answers), daemon=True, name="trial").start()
    try:
        return answers.get(timeout=context.deadline - time.monotonic() + OVERRUN_SECONDS)
    except Empty:
        return None


def _ask(runner: Runner, given: JsonValue, context: RunContext, answers: SimpleQueue[Outcome]) -> None:
    try:
        answers.put(runner.run(given, context))
    except Exception as error:  # carried to the thread that waits
        told = f"the runner failed unexpectedly ({type(error).__name__})"
        answers.put(Outcome.failed(told, kind=FailureKind.CRASHED))


def _too_slow(job: Job) -> str:
    told = no_answer_within(seconds_for(job))
    return told if job.job_timeout_in_secs <= MAX_SECONDS else f"{told}, which is as long as a test may take"
