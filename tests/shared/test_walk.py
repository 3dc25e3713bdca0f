"""Chains, walked with real runners where the target matters and a scripted one where the walk does."""

import time
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network

import pytest

from shared.attempt import WalkResult, WalkStatus
from shared.job import Condition, Delivery, Job, JobId, JobInputType, JsonValue
from shared.outcome import FailureKind, JobExecution, Outcome
from shared.retry import RetryPolicy
from shared.runners.registry import build_runners
from tests.shared.graphs import job
from tests.shared.walks import COMPLETED, START, Scripted, Watched, attempt, walked
from tests.targets import Target


def test_a_chain_runs_from_its_root_to_its_end_which_is_success() -> None:
    watched = walked(job(2), job(1, 2, root=True), job(3))
    assert watched.go() == COMPLETED
    assert watched.outcomes == [("job-1", None), ("job-2", None)]


def test_each_report_says_how_long_the_next_job_may_take() -> None:
    watched = walked(job(1, 2, root=True), job(2, timeout=30))
    watched.go()
    assert [timeout for _, timeout in watched.reports] == [30, None]


def test_a_record_has_input_output_and_times() -> None:
    watched = walked(job(1, root=True, value={"a": 1}))
    watched.go()
    execution = watched.reports[0][0]
    assert (execution.job_id, execution.job_name, execution.job_type) == (1, "job-1", "logger")
    assert (execution.input, execution.outcome.output) == ({"a": 1}, {"a": 1})
    assert START < execution.started_at < execution.finished_at


def test_the_idempotency_key_is_of_the_trigger_and_job_and_not_of_the_attempt() -> None:
    runner = Scripted()
    watched = walked(job(1, 2, root=True), job(2, timeout=5), runner=runner)
    watched.go()
    assert [(c.idempotency_key, c.trigger_id, c.attempt) for c in runner.contexts] == [("t7-1", 7, 2), ("t7-2", 7, 2)]
    assert 0 < runner.contexts[1].deadline - time.monotonic() <= 5


def test_later_jobs_see_the_outputs_of_earlier_ones_of_this_run() -> None:
    template: JsonValue = {
        "n": "{{ jobs.first.output.n }}",
        "status": "{{ jobs.first.status }}",
        "by": "{{ schedule.name }} {{ trigger.id }} {{ now }}",
    }
    watched = walked(
        job(1, 2, root=True, name="first", value={"n": [1]}),
        job(2, 3, kind=JobInputType.TEMPLATE, value=template),
        job(3, kind=JobInputType.JOB_OUTPUT, value={"job": "first"}),
    )
    assert watched.go() == COMPLETED
    filled = watched.reports[1][0].input
    assert isinstance(filled, dict)
    assert (filled["n"], filled["status"]) == ([1], "completed")
    assert str(filled["by"]).startswith("nightly 7 2026-01-01T00:00:")
    assert str(filled["by"]).endswith("Z")
    assert watched.reports[2][0].input == {"n": [1]}


def test_a_failing_job_ends_the_chain_and_is_named_and_recorded() -> None:
    watched = walked(
        job(1, 2, root=True), job(2), runner=Scripted(lambda _: Outcome.failed("HTTP 503", {"status": 503}))
    )
    assert watched.go() == WalkResult.failed("job job-1 failed: HTTP 503")
    assert watched.reports[0][0].outcome == Outcome.failed("HTTP 503", {"status": 503})
    assert watched.reports[0][1] is None
    assert len(watched.reports) == 1


def test_a_runner_that_raises_fails_its_job_without_telling_more_than_the_kind() -> None:
    def broken(_: JsonValue) -> Outcome:
        raise KeyError("secret")

    watched = walked(job(1, root=True), runner=Scripted(broken))
    watched.go()
    assert watched.outcomes == [("job-1", "the logger runner failed unexpectedly (KeyError)")]


def test_an_unknown_job_type_fails_and_is_recorded() -> None:
    watched = walked(job(1, root=True, job_type="teleport"))
    watched.go()
    assert watched.outcomes == [("job-1", "there is no job type teleport")]


def test_an_input_that_cannot_be_made_fails_the_job_with_its_template_recorded() -> None:
    watched = walked(job(1, root=True, kind=JobInputType.TEMPLATE, value={"a": ["{{ abs(now) }}"]}))
    result = watched.go()
    assert result is not None
    assert (result.reason or "").startswith("job job-1 failed: its input cannot be made: a[0]: ")
    assert watched.reports[0][0].input == {"a": ["{{ abs(now) }}"]}


def test_an_action_without_a_root_job_fails() -> None:
    assert walked(job(1)).go() == WalkResult.failed("the action has no root job")
    assert walked().go() == WalkResult.failed("the action has no root job")


def test_a_condition_to_a_job_that_is_gone_fails_after_the_record() -> None:
    watched = walked(job(1, 9, root=True))
    assert watched.go() == WalkResult.failed("job job-1 leads to a job that this action no longer has")
    assert watched.outcomes == [("job-1", None)]


def test_a_cycle_that_slipped_in_ends() -> None:
    watched = walked(job(1, 2, root=True), job(2, 1))
    assert watched.go() == WalkResult.failed("job job-2 leads back to job-1: a cycle")
    assert watched.outcomes == [("job-1", None), ("job-2", None)]


def test_jobs_that_completed_in_an_earlier_attempt_do_not_run_again_but_their_outputs_count() -> None:
    first, second = job(1, 2, root=True), job(2, kind=JobInputType.JOB_OUTPUT, value=1)
    kept = JobExecution(first.id, first.name, "logger", None, Outcome.completed({"kept": True}), START, START)
    watched = walked(first, second, done={first.id: kept})
    assert watched.go() == COMPLETED
    assert watched.outcomes == [("job-2", None)]
    assert watched.reports[0][0].input == {"kept": True}


def test_jobs_that_failed_in_an_earlier_attempt_run_again() -> None:
    first = job(1, root=True)
    failed = JobExecution(first.id, first.name, "logger", None, Outcome.failed("x"), START, START)
    watched = walked(first, done={first.id: failed})
    assert watched.go() == COMPLETED
    assert watched.outcomes == [("job-1", None)]


def test_jobs_that_are_passed_over_have_the_lease_cover_whatever_comes_after_them() -> None:
    first, second = job(1, 2, root=True), job(2, 3, timeout=5)
    kept = JobExecution(second.id, second.name, "logger", None, Outcome.completed({}), START, START)
    watched = walked(first, second, job(3, timeout=300), done={second.id: kept})
    watched.go()
    assert [timeout for _, timeout in watched.reports] == [300, None]


def test_a_failure_that_is_tried_again_is_reported_and_ends_the_attempt() -> None:
    passing = Outcome.failed("HTTP 503", kind=FailureKind.SERVER_ERROR)
    watched = walked(job(1, 2, root=True, retry=RetryPolicy(1)), job(2), runner=Scripted(lambda _: passing))
    result = watched.go()
    assert result is not None
    assert result.status is WalkStatus.LATER
    assert [(execution.outcome, timeout) for execution, timeout in watched.reports] == [(passing, None)]


def test_an_input_of_the_trigger_replaces_the_job_s_own() -> None:
    watched = walked(job(1, root=True, kind=JobInputType.TEMPLATE, value="{{ broken"))
    watched.attempt = replace(watched.attempt, job_inputs={"1": {"given": True}})
    assert watched.go() == COMPLETED
    assert watched.reports[0][0].input == {"given": True}


@pytest.mark.parametrize(
    ("job_type", "value", "kind", "maybe_sent"),
    [
        ("teleport", None, "error", False),
        ("logger", "{{ abs(now) }}", "invalid_input", False),
        ("logger", "raise", "crashed", True),
    ],
)
def test_what_the_walk_finds_wrong_has_its_kind(job_type: str, value: JsonValue, kind: str, maybe_sent: bool) -> None:
    def broken(given: JsonValue) -> Outcome:
        raise KeyError(given)

    the_job = job(1, root=True, job_type=job_type, kind=JobInputType.TEMPLATE, value=value)
    watched = walked(the_job, runner=Scripted(broken))
    watched.go()
    outcome = watched.reports[0][0].outcome
    assert (outcome.failure, outcome.maybe_sent) == (kind, maybe_sent)


def test_a_job_that_is_sent_at_most_once_is_announced_before_and_others_are_not() -> None:
    runner = Scripted()
    watched = walked(job(1, 2, root=True), job(2, 3, delivery=Delivery.AT_MOST_ONCE, timeout=7), job(3), runner=runner)
    watched.go()
    (announced, deadline), contexts = watched.announced[0], runner.contexts
    assert len(watched.announced) == 1
    assert (announced.id, deadline) == (2, contexts[1].deadline)
    assert [context.once for context in contexts] == [False, True, False]


def test_a_job_that_cannot_be_announced_is_not_sent_and_left_to_another_attempt() -> None:
    runner = Scripted()
    watched = walked(job(1, root=True, delivery=Delivery.AT_MOST_ONCE), runner=runner)
    watched.may_send = False
    result = watched.go()
    assert result is not None
    assert (result.status, runner.contexts, watched.reports) == (WalkStatus.LATER, [], [])


def test_a_job_that_does_not_fit_into_what_is_left_is_put_off_unless_it_is_the_first() -> None:
    runner = Scripted()
    watched = Watched(attempt(job(1, 2, root=True, timeout=60), job(2, timeout=60), seconds=30), {"logger": runner})
    result = watched.go()
    assert result is not None
    assert (result.status, result.at) == (WalkStatus.LATER, START + timedelta(seconds=watched.ticks))
    assert watched.outcomes == [("job-1", None)]


def test_no_job_outlives_the_executor() -> None:
    runner = Scripted()
    watched = Watched(attempt(job(1, root=True, timeout=600), seconds=3), {"logger": runner})
    watched.go()
    assert runner.contexts[0].deadline == watched.attempt.lasts_until


def test_a_job_for_which_no_time_is_left_is_not_begun() -> None:
    runner = Scripted()
    watched = Watched(attempt(job(1, root=True), seconds=-1), {"logger": runner})
    watched.go()
    assert watched.outcomes == [("job-1", "no time was left for it in this run of the executor")]
    assert runner.contexts == []


def test_whatever_breaks_inside_ends_this_trigger_only() -> None:
    odd = Job(JobId(1), "odd", "logger", JobInputType.STATIC, None, Condition(), is_root_job=True)
    watched = walked(odd)
    watched.now = lambda: 1 / 0  # type: ignore[method-assign,assignment,return-value]
    assert watched.go() == WalkResult.failed("Cronny could not run this action (ZeroDivisionError)")


def test_a_real_chain_calls_its_target_and_logs_the_answer(target: Target) -> None:
    fetch = job(1, 2, root=True, name="fetch", job_type="http", value={"url": f"{target.url}/echo"})
    store = job(2, kind=JobInputType.TEMPLATE, value={"message": "{{ jobs.fetch.output.body.method }} worked"})
    watched = Watched(attempt(fetch, store), build_runners([ip_network("127.0.0.0/8")]))
    assert watched.go() == COMPLETED
    assert watched.reports[1][0].outcome.output == {"message": "GET worked"}
    assert target.seen[0].headers["idempotency-key"] == "t7-1"


def test_a_target_that_hangs_fails_in_the_job_s_own_time(target: Target) -> None:
    slow = job(1, root=True, job_type="http", timeout=1, value={"url": f"{target.url}/hang"})
    started = time.monotonic()
    result = Watched(attempt(slow), build_runners([ip_network("127.0.0.0/8")])).go()
    assert result == WalkResult.failed("job job-1 failed: no answer within 1 s")
    assert time.monotonic() - started < 3
