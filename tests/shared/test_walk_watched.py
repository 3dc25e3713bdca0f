"""A walk whose runner takes no notice of its deadline, and the watcher that does."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Event, Thread

import pytest

from shared.attempt import WalkResult
from shared.job import JsonValue
from shared.outcome import ExecutionStatus, FailureKind, Outcome
from shared.runners import RunContext
from tests.shared.graphs import job
from tests.shared.walks import COMPLETED, START, Scripted, Watched, walked


@dataclass
class Stuck:
    """A runner that takes no notice of its deadline."""

    entered: Event = field(default_factory=Event)
    let_go: Event = field(default_factory=Event)

    def run(self, job_input: JsonValue, context: RunContext) -> Outcome:
        self.entered.set()
        self.let_go.wait(30)
        return Outcome.completed("too late")


@pytest.fixture
def stuck() -> Iterator[tuple[Watched, Stuck, Thread, list[WalkResult | None]]]:
    """A walk of two jobs whose first is stuck, in its thread; it has a second."""
    runner = Stuck()
    watched = walked(job(1, 2, root=True, timeout=1), job(2), runner=runner)
    results: list[WalkResult | None] = []
    thread = Thread(target=lambda: results.append(watched.go()), daemon=True)
    thread.start()
    assert runner.entered.wait(10)
    yield watched, runner, thread, results
    runner.let_go.set()
    thread.join(10)


Walking = tuple[Watched, Stuck, Thread, list[WalkResult | None]]


def test_an_overdue_step_is_taken_away_and_the_walk_falls_silent(stuck: Walking) -> None:
    watched, runner, thread, results = stuck
    step = watched.progress.step
    assert step is not None
    assert watched.progress.give_up(step.deadline - 0.1) is None
    assert watched.progress.give_up(step.deadline + 0.1) is step
    assert watched.progress.give_up(step.deadline + 0.2) is None
    overrun = step.overrun(START)
    assert overrun.outcome == Outcome.failed("no answer within 1 s", kind=FailureKind.NO_ANSWER)
    assert overrun.outcome.status is ExecutionStatus.FAILED
    runner.let_go.set()
    thread.join(10)
    assert results == [None]
    assert watched.reports == []


def test_an_answer_that_came_before_the_watcher_gave_up_counts(stuck: Walking) -> None:
    watched, runner, thread, results = stuck
    runner.let_go.set()
    thread.join(10)
    assert watched.progress.give_up(time.monotonic() + 100) is None
    assert results == [COMPLETED]
    assert watched.outcomes == [("job-1", None), ("job-2", None)]


def test_a_walk_can_be_abandoned_whatever_runs(stuck: Walking) -> None:
    watched, runner, thread, results = stuck
    step = watched.progress.abandon()
    assert step is not None
    assert step.job.id == 1
    runner.let_go.set()
    thread.join(10)
    assert (results, watched.reports) == ([None], [])


def test_a_walk_that_was_abandoned_before_it_began_runs_nothing() -> None:
    runner = Scripted()
    watched = walked(job(1, root=True), runner=runner)
    assert watched.progress.abandon() is None
    assert watched.go() is None
    assert (runner.contexts, watched.reports) == ([], [])
