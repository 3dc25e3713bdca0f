"""Walks for tests: a scripted runner, and a walk that remembers what it reported."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from shared.action import JobGraph
from shared.attempt import Attempt, WalkResult, WalkStatus
from shared.job import Job, JobId, JsonObject, JsonValue
from shared.outcome import JobExecution, Outcome
from shared.progress import Progress
from shared.runners import RunContext, Runner
from shared.walk import walk

START = datetime(2026, 1, 1, tzinfo=UTC)
COMPLETED = WalkResult(WalkStatus.COMPLETED)


@dataclass
class Scripted:
    """Answers its input, or what the script says for it; remembers with which context it ran."""

    script: Callable[[JsonValue], Outcome] = Outcome.completed
    contexts: list[RunContext] = field(default_factory=list)

    def run(self, job_input: JsonValue, context: RunContext) -> Outcome:
        self.contexts.append(context)
        return self.script(job_input)


@dataclass
class Watched:
    """A walk and what it reported."""

    attempt: Attempt
    runners: Mapping[str, Runner]
    progress: Progress = field(default_factory=Progress)
    reports: list[tuple[JobExecution, int | None]] = field(default_factory=list)
    announced: list[tuple[Job, float]] = field(default_factory=list)
    may_send: bool = True
    ticks: int = 0

    def go(self) -> WalkResult | None:
        return walk(self.attempt, self.runners, self.now, self.report, self.progress, self.announce)

    def report(self, execution: JobExecution, next_timeout: int | None) -> None:
        self.reports.append((execution, next_timeout))

    def announce(self, job: Job, deadline: float) -> bool:
        self.announced.append((job, deadline))
        return self.may_send

    def now(self) -> datetime:
        self.ticks += 1
        return START + timedelta(seconds=self.ticks)

    @property
    def outcomes(self) -> list[tuple[str, str | None]]:
        return [(execution.job_name, execution.outcome.error) for execution, _ in self.reports]


def attempt(*jobs: Job, done: Mapping[JobId, JobExecution] | None = None, seconds: float = 600) -> Attempt:
    context: JsonObject = {"schedule": {"name": "nightly"}, "trigger": {"id": 7}}
    return Attempt(JobGraph(jobs), 7, 2, "t7", context, time.monotonic() + seconds, done or {})


def walked(*jobs: Job, runner: Runner | None = None, done: Mapping[JobId, JobExecution] | None = None) -> Watched:
    return Watched(attempt(*jobs, done=done), {"logger": runner or Scripted()})
