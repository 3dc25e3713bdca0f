"""What follows a failure: another attempt, or the sentence that says why there is none."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.attempt import Attempt, WalkResult, WalkStatus, after_failure, overrun, together
from shared.job import Delivery, Job
from shared.outcome import FailureKind, Outcome
from shared.progress import Step
from shared.retry import Backoff, Jitter, RetryPolicy
from tests.shared.graphs import job
from tests.shared.walks import START, attempt

POLICY = RetryPolicy(2, Backoff.FIXED, 30, jitter=Jitter.NONE)
LOST = Outcome.failed("no answer within 5 s", kind=FailureKind.NO_ANSWER)
UNSENT = Outcome.failed("refused by 127.0.0.1:1", kind=FailureKind.UNREACHABLE)


def after(
    outcome: Outcome = LOST,
    tries: int = 0,
    policy: RetryPolicy | None = POLICY,
    delivery: Delivery = Delivery.AT_LEAST_ONCE,
    **changes: object,
) -> WalkResult:
    the_job: Job = replace(job(1, root=True, name="call"), retry=policy, delivery=delivery)
    given: Attempt = replace(attempt(the_job), tries={the_job.id: tries}, since=START)
    return after_failure(replace(given, **changes), the_job, outcome, START)  # type: ignore[arg-type]


def test_without_a_policy_a_failure_is_final() -> None:
    assert after(policy=None) == WalkResult.failed("job call failed: no answer within 5 s")
    assert after(policy=RetryPolicy(0)) == WalkResult.failed("job call failed: no answer within 5 s")


def test_another_attempt_follows_and_the_reason_says_when() -> None:
    told = "Attempt 1 of job call failed: no answer within 5 s"
    at = START + timedelta(seconds=30)
    assert after() == WalkResult(WalkStatus.LATER, f"{told}; another one follows at 2026-01-01T00:00:30Z", at, told)


def test_it_follows_on_a_whole_second_and_never_too_early() -> None:
    assert after(policy=RetryPolicy(2, Backoff.FIXED, 30.2, jitter=Jitter.NONE)).at == START + timedelta(seconds=31)


def test_the_first_attempt_is_not_counted_as_another_one() -> None:
    assert after(tries=1).status is WalkStatus.LATER
    assert after(tries=2) == WalkResult.failed(
        "Attempt 3 of job call failed: no answer within 5 s; it was the last one"
    )


@pytest.mark.parametrize("kind", FailureKind)
def test_the_policy_chooses_by_the_kind_of_failure(kind: FailureKind) -> None:
    outcome = Outcome.failed("x", kind=kind)
    passing = kind in ("unreachable", "no_answer", "rate_limited", "server_error", "key_away")
    assert after(outcome).status == ("later" if passing else "failed")
    only = replace(POLICY, on=frozenset([FailureKind.UNEXPECTED_STATUS]))
    assert after(outcome, policy=only).status == ("later" if kind == "unexpected_status" else "failed")


def test_what_may_have_been_sent_is_not_repeated_at_most_once() -> None:
    once = after(delivery=Delivery.AT_MOST_ONCE)
    assert once.status is WalkStatus.FAILED
    assert "may have been delivered" in (once.reason or "")
    assert after(UNSENT, delivery=Delivery.AT_MOST_ONCE).status is WalkStatus.LATER


@pytest.mark.parametrize(("speed", "seconds"), [(1.0, 90), (600.0, 54_000)])
def test_a_target_is_left_alone_for_as_long_as_it_asks_in_real_time(speed: float, seconds: int) -> None:
    busy = Outcome.failed("HTTP 429", kind=FailureKind.RATE_LIMITED, retry_after=90)
    assert after(busy, speed=speed).at == START + timedelta(seconds=seconds)


def test_no_attempt_follows_later_than_seven_days_after_the_first() -> None:
    week = timedelta(days=7)
    assert after(since=START - week + timedelta(seconds=30)).status is WalkStatus.LATER
    late = after(since=START - week + timedelta(seconds=29))
    assert late.status is WalkStatus.FAILED
    assert "7 days" in (late.reason or "")
    patient = Outcome.failed("x", kind=FailureKind.RATE_LIMITED, retry_after=week.total_seconds())
    assert after(patient).status is WalkStatus.LATER
    assert after(patient, since=START - timedelta(seconds=1)).status is WalkStatus.FAILED


def test_chance_spreads_the_next_attempt() -> None:
    policy = RetryPolicy(2, Backoff.FIXED, 100)
    assert [after(policy=policy, chance=chance).at for chance in (0.0, 0.5)] == [
        START,
        START + timedelta(seconds=50),
    ]


def test_several_that_wait_go_on_when_the_last_of_them_may_and_hosts_are_asked_for_again_then() -> None:
    soon = WalkResult.later("a", "soon", START + timedelta(seconds=5))
    late = WalkResult.later("b", "late", START + timedelta(seconds=50))
    held = WalkResult.wait("example.org:443", "c", "held", START + timedelta(seconds=500))
    assert together([soon, late, held]) == late
    assert together([held, soon]) == soon
    assert together([held]) == held


@pytest.mark.parametrize(
    ("policy", "rest", "status", "seconds", "final"),
    [
        (None, None, "failed", None, True),
        (None, 0, "later", 0, True),
        (None, 60, "later", 60, True),
        (POLICY, None, "later", 30, False),
        (POLICY, 0, "later", 30, False),
        (POLICY, 60, "later", 60, False),
    ],
)
def test_what_overruns_leaves_the_rest_to_another_attempt(
    policy: RetryPolicy | None, rest: int | None, status: str, seconds: int | None, final: bool
) -> None:
    the_job = replace(job(1, root=True), retry=policy)
    rest_at = None if rest is None else START + timedelta(seconds=rest)
    execution, result = overrun(attempt(the_job), Step(the_job, None, START, 0.0, 5.0, rest_at), START)
    at = None if seconds is None else START + timedelta(seconds=seconds)
    assert (result.status, result.at, execution.final) == (status, at, final)
    assert (execution.outcome.failure, execution.outcome.error) == ("no_answer", "no answer within 5 s")
