"""Actions that fork, join, and run a job after a failure, walked with a scripted runner."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.attempt import WalkResult, WalkStatus
from shared.job import Job, JobId, JobInputType, JsonValue
from shared.outcome import FailureKind, JobExecution, Outcome
from shared.progress import Step
from shared.retry import Backoff, Jitter, RetryPolicy
from shared.runners import RunContext
from shared.walk import walk
from tests.shared.graphs import job
from tests.shared.walks import COMPLETED, START, Scripted, Watched, attempt, walked


@dataclass
class ByJob:
    """Fails for the jobs that it is told, and completes with their input for all others; remembers who came."""

    failing: dict[int, Outcome] = field(default_factory=dict)
    came: list[int] = field(default_factory=list)

    def run(self, job_input: JsonValue, context: RunContext) -> Outcome:
        key = int(context.idempotency_key.partition("-")[2])
        self.came.append(key)
        return self.failing.get(key) or Outcome.completed(job_input)


BROKEN = Outcome.failed("HTTP 404", {"status": 404}, kind=FailureKind.UNEXPECTED_STATUS)
PASSING = Outcome.failed("HTTP 503", {"status": 503}, kind=FailureKind.SERVER_ERROR)


def wait(seconds: int, times: int = 3) -> RetryPolicy:
    return RetryPolicy(times, Backoff.FIXED, seconds, jitter=Jitter.NONE)


def named(watched: Watched) -> list[tuple[str, bool]]:
    """What was reported: who, and whether it was final."""
    return [(execution.job_name, execution.final) for execution, _ in watched.reports]


def again(watched: Watched, *jobs: Job, runner: ByJob) -> Watched:
    """The attempt that follows, with what was reported so far."""
    reports = [execution for execution, _ in watched.reports]
    settled = {one.job_id: one for one in reports if one.outcome.ok or one.final}
    tries = {one.job_id: 1 for one in reports if not one.outcome.ok}
    following = walked(*jobs, runner=runner, done={**watched.attempt.done, **settled})
    following.attempt = replace(following.attempt, tries=tries)
    return following


FORK = (job(1, root=True, fork=[2, 3]), job(2, 4), job(3, 4), job(4))


def test_all_jobs_of_a_fork_run_and_the_join_once() -> None:
    runner = ByJob()
    assert walked(*FORK, runner=runner).go() == COMPLETED
    assert runner.came == [1, 2, 3, 4]


def test_the_join_sees_the_outputs_of_all_branches() -> None:
    values = "{{ jobs.left.output }} and {{ jobs.right.output }}"
    watched = walked(
        job(1, root=True, fork=[2, 3]),
        job(2, 4, name="left", value="this"),
        job(3, 4, name="right", value="that"),
        job(4, kind=JobInputType.TEMPLATE, value=values),
    )
    assert watched.go() == COMPLETED
    assert watched.reports[-1][0].input == "this and that"


def test_the_lease_covers_the_next_job_wherever_it_is() -> None:
    watched = walked(job(1, root=True, fork=[2, 3]), job(2, timeout=20), job(3, timeout=30))
    watched.go()
    assert [timeout for _, timeout in watched.reports] == [20, 30, None]


def test_a_failure_ends_no_other_branch_and_the_run_has_failed_for_the_first_of_them() -> None:
    runner = ByJob({2: BROKEN, 3: replace(BROKEN, error="HTTP 410")})
    watched = walked(job(1, root=True, fork=[2, 3, 5]), job(2, 4), job(3), job(4), job(5), runner=runner)
    assert watched.go() == WalkResult.failed("job job-2 failed: HTTP 404")
    assert named(watched) == [("job-1", False), ("job-2", True), ("job-3", True), ("job-5", False)]


def test_what_comes_after_a_failure_sees_it_and_the_run_has_failed_all_the_same() -> None:
    seen = {name: f"{{{{ jobs.call.{name} }}}}" for name in ("status", "output", "error", "failure")}
    watched = walked(
        job(1, 2, root=True, name="call", on_failure=3),
        job(2),
        job(3, name="tell", kind=JobInputType.TEMPLATE, value=seen),
        runner=ByJob({1: BROKEN}),
    )
    assert watched.go() == WalkResult.failed("job call failed: HTTP 404; job tell ran because of it")
    assert watched.reports[-1][0].input == {
        "status": "failed",
        "output": {"status": 404},
        "error": "HTTP 404",
        "failure": "unexpected_status",
    }


def test_of_what_completed_error_and_failure_are_null() -> None:
    seen: JsonValue = ["{{ jobs.first.error }}", "{{ jobs.first.failure }}"]
    watched = walked(job(1, 2, root=True, name="first"), job(2, kind=JobInputType.TEMPLATE, value=seen))
    watched.go()
    assert watched.reports[-1][0].input == [None, None]


def test_without_a_failure_the_job_that_is_named_for_it_does_not_run() -> None:
    runner = ByJob()
    assert walked(job(1, 2, root=True, on_failure=3), job(2), job(3), runner=runner).go() == COMPLETED
    assert runner.came == [1, 2]


def test_when_that_job_fails_too_the_reason_says_both() -> None:
    runner = ByJob({1: BROKEN, 2: replace(BROKEN, error="HTTP 500")})
    told = "job job-1 failed: HTTP 404; job job-2, which ran because of it, failed too: HTTP 500"
    assert walked(job(1, root=True, on_failure=2), job(2), runner=runner).go() == WalkResult.failed(told)


def test_while_another_try_follows_the_job_that_is_named_for_its_failure_waits() -> None:
    jobs = (job(1, root=True, retry=wait(30, times=1), on_failure=2), job(2))
    runner = ByJob({1: PASSING})
    first = walked(*jobs, runner=runner)
    assert first.go() is not None
    assert named(first) == [("job-1", False)]
    second = again(first, *jobs, runner=runner)
    result = second.go()
    told = "Attempt 2 of job job-1 failed: HTTP 503; it was the last one; job job-2 ran because of it"
    assert result == WalkResult.failed(told)
    assert named(second) == [("job-1", True), ("job-2", False)]


def test_a_failure_that_was_final_in_an_earlier_attempt_is_not_tried_again_and_is_seen() -> None:
    jobs = (
        job(1, root=True, name="call", on_failure=2),
        job(2, kind=JobInputType.TEMPLATE, value="{{ jobs.call.error }}"),
    )
    kept = JobExecution(JobId(1), "call", "logger", None, BROKEN, START, START, final=True)
    runner = ByJob()
    watched = walked(*jobs, runner=runner, done={JobId(1): kept})
    assert watched.go() == WalkResult.failed("job call failed: HTTP 404; job job-2 ran because of it")
    assert runner.came == [2]
    assert watched.reports[0][0].input == "HTTP 404"


def test_other_branches_go_on_while_one_waits_for_another_try_and_are_not_repeated() -> None:
    jobs = (job(1, root=True, fork=[2, 3]), job(2, 4, retry=wait(30)), job(3, 4), job(4))
    runner = ByJob({2: PASSING})
    first = walked(*jobs, runner=runner)
    result = first.go()
    assert result is not None
    assert (result.status, runner.came) == (WalkStatus.LATER, [1, 2, 3])
    runner.failing.clear()
    assert again(first, *jobs, runner=runner).go() == COMPLETED
    assert runner.came == [1, 2, 3, 2, 4]


def test_of_several_that_wait_none_is_tried_before_its_time() -> None:
    jobs = (job(1, root=True, fork=[2, 3]), job(2, retry=wait(300)), job(3, retry=wait(30)))
    result = walked(*jobs, runner=ByJob({2: PASSING, 3: PASSING})).go()
    assert result is not None
    assert result.at is not None
    assert "job-2" in (result.reason or "")
    assert timedelta(seconds=300) <= result.at - START < timedelta(seconds=330)


HELD = WalkResult.wait("api.example.org:443", "it is broken", "it is tried later", START + timedelta(hours=1))


def held_at(key: int, *jobs: Job, runner: ByJob) -> WalkResult | None:
    """What becomes of a walk in which the host of this job is left alone."""
    watched = walked(*jobs, runner=runner)

    def admit(step: Step) -> WalkResult | None:
        return HELD if step.job.id == key else None

    given = (watched.attempt, watched.runners, watched.now, watched.report, watched.progress)
    return walk(*given, admit=admit)


def test_what_only_waits_for_its_host_stops_no_other_branch() -> None:
    runner = ByJob()
    assert held_at(2, job(1, root=True, fork=[2, 3]), job(2), job(3), runner=runner) == HELD
    assert runner.came == [1, 3]


def test_a_run_in_which_something_failed_does_not_only_wait_for_a_host() -> None:
    runner = ByJob({3: BROKEN})
    result = held_at(2, job(1, root=True, fork=[2, 3]), job(2), job(3), runner=runner)
    assert result == replace(HELD, held_for=None)


def test_a_branch_for_which_no_time_is_left_is_done_by_another_attempt() -> None:
    runner = ByJob()
    jobs = (job(1, root=True, fork=[2, 3]), job(2), job(3))
    watched = Watched(attempt(*jobs, seconds=30), {"logger": runner})
    result = watched.go()
    assert result is not None
    assert (result.status, runner.came) == (WalkStatus.LATER, [1])
    assert again(watched, *jobs, runner=runner).go() == COMPLETED
    assert runner.came == [1, 2, 3]


def test_a_circle_that_slipped_in_ends() -> None:
    watched = walked(job(1, root=True, fork=[2, 3]), job(2, 3), job(3, 2))
    assert watched.go() == WalkResult.failed("job job-2 leads back to itself: a cycle")
    assert watched.outcomes == [("job-1", None)]


@pytest.mark.parametrize(
    ("jobs", "more"),
    [
        ([job(1, root=True)], [None]),
        ([job(1, 2, root=True), job(2)], [None, None]),
        ([job(1, root=True, on_failure=2), job(2)], [True]),
        ([job(1, root=True, fork=[2, 3]), job(2), job(3)], [None, True, None]),
    ],
)
def test_each_step_says_whether_anything_is_left_beside_it(jobs: list[Job], more: list[bool | None]) -> None:
    left: list[bool | None] = []
    watched = walked(*jobs)

    def looking(given: JsonValue) -> Outcome:
        step = watched.progress.step
        assert step is not None
        left.append(None if step.rest_at is None else step.rest_at <= watched.now())
        return Outcome.completed(given)

    watched.runners = {"logger": Scripted(looking)}
    watched.go()
    assert left == more


EDGES = st.dictionaries(st.integers(1, 7), st.lists(st.integers(2, 8), max_size=3, unique=True), max_size=7)
CRASHES = st.lists(st.integers(0, 4), max_size=6)


@given(EDGES, st.dictionaries(st.integers(1, 7), st.integers(2, 8), max_size=4), st.sets(st.integers(1, 8)), CRASHES)
def test_any_graph_comes_to_the_same_end_however_often_its_executor_dies(
    edges: dict[int, list[int]], handlers: dict[int, int], broken: set[int], crashes: list[int]
) -> None:
    """Each attempt dies when it wants to record its n-th job; what it recorded before is there for the next one."""
    failing = dict.fromkeys(broken, BROKEN)
    jobs = [
        job(
            key,
            root=key == 1,
            fork=[other for other in edges.get(key, ()) if other > key],
            on_failure=handlers[key] if handlers.get(key, 0) > key else None,
        )
        for key in range(1, 9)
    ]
    undisturbed = walked(*jobs, runner=ByJob(failing))
    end = undisturbed.go()
    done: dict[JobId, JobExecution] = {}
    for lasts in [*crashes, 100]:
        runner = ByJob(failing)
        dying = Dying(walked(*jobs, runner=runner, done=done), lasts)
        result = dying.go()
        assert not {JobId(key) for key in runner.came} & done.keys()
        done = done | {one.job_id: one for one in dying.recorded}
        if result is not None:
            break
    assert result == end
    assert {key: one.outcome.ok for key, one in done.items()} == {
        one.job_id: one.outcome.ok for one, _ in undisturbed.reports
    }


@dataclass
class Dying:
    """A walk whose executor dies when it wants to record one more than so many jobs."""

    watched: Watched
    lasts: int
    recorded: list[JobExecution] = field(default_factory=list)

    def go(self) -> WalkResult | None:
        self.watched.attempt = replace(
            self.watched.attempt, tries={key: 1 for key, one in self.watched.attempt.done.items() if one.final}
        )
        watched = self.watched
        return walk(watched.attempt, watched.runners, watched.now, self.report, watched.progress)

    def report(self, execution: JobExecution, _next_timeout: int | None) -> None:
        if len(self.recorded) == self.lasts:
            self.watched.progress.abandon()
        else:
            self.recorded.append(execution)
