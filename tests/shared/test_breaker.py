"""The rules of a breaker: what opens it, for how long, who may try, what closes it, and what counts at all."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.breaker import (
    FAILURES_TO_OPEN,
    LONGEST_PAUSE,
    Breaker,
    BreakerState,
    Sighting,
    after,
    answered,
    look_again_at,
    pause,
    waiting,
)
from shared.outcome import FailureKind, Outcome
from shared.trigger import TriggerId
from shared.user import UserId

NOW = datetime(2026, 11, 24, 10, 42, tzinfo=UTC)
ADA, HOST, MINE, OTHER = UserId(1), "api.example.org:443", TriggerId(7), TriggerId(8)


def failed(trigger: TriggerId = MINE, retry_after: float | None = None) -> Sighting:
    return Sighting(ADA, HOST, trigger, "the connection was refused", retry_after)


def well(trigger: TriggerId = MINE) -> Sighting:
    return Sighting(ADA, HOST, trigger)


def after_all(*seen: Sighting, breaker: Breaker | None = None, now: datetime = NOW, speed: float = 1) -> Breaker:
    breaker = breaker or Breaker(ADA, HOST)
    for sighting in seen:
        breaker = after(breaker, sighting, now, speed)
    return breaker


def opened() -> Breaker:
    return after_all(*[failed()] * FAILURES_TO_OPEN)


def half_open(breaker: Breaker | None = None) -> Breaker:
    """With MINE as its probe, which has a minute."""
    open_one = breaker or opened()
    return Breaker(
        *(ADA, HOST, BreakerState.HALF_OPEN, open_one.failures, open_one.last_error, open_one.opens),
        *(open_one.opened_at, NOW + timedelta(minutes=1), MINE),
    )


def test_it_takes_five_failures_in_a_row_to_open() -> None:
    almost = after_all(*[failed()] * 4)
    assert (almost.state, almost.failures) == ("closed", 4)
    assert after_all(well(), *[failed()] * 4, breaker=almost).state == "closed"
    breaker = after_all(failed(), breaker=almost)
    assert (breaker.state, breaker.failures, breaker.opens, breaker.opened_at) == ("open", 5, 1, NOW)
    assert breaker.probe_at == NOW + timedelta(seconds=30)
    assert breaker.last_error == "the connection was refused"


def test_a_healthy_host_is_no_news() -> None:
    breaker = Breaker(ADA, HOST)
    assert after(breaker, well(), NOW) is breaker


def test_pauses_double_up_to_ten_minutes() -> None:
    assert [pause(opens).total_seconds() for opens in range(1, 8)] == [30, 60, 120, 240, 480, 600, 600]
    assert pause(30_000) == LONGEST_PAUSE


def test_a_host_that_asks_to_be_left_alone_is_but_no_longer_than_any_other() -> None:
    assert pause(1, retry_after=5).total_seconds() == 30
    assert pause(1, retry_after=90).total_seconds() == 90
    assert pause(1, retry_after=1e12) == LONGEST_PAUSE


def test_a_pause_is_as_long_in_fast_time() -> None:
    assert after_all(*[failed()] * 5, speed=600).probe_at == NOW + timedelta(seconds=30 * 600)


def test_while_it_is_not_closed_only_its_probe_counts() -> None:
    breaker = opened()
    assert after(breaker, well(), NOW) is breaker
    assert after(breaker, failed(), NOW) is breaker
    trying = half_open()
    assert after(trying, well(OTHER), NOW) is trying
    assert after(trying, failed(OTHER), NOW) is trying


def test_a_probe_that_is_answered_closes_and_forgets() -> None:
    closed = after(half_open(), well(), NOW)
    assert (closed.state, closed.failures, closed.opens) == ("closed", 0, 0)
    assert (closed.probe_at, closed.probe_trigger_id) == (None, None)
    assert (closed.opened_at, closed.last_error) == (NOW, "the connection was refused")


def test_a_probe_that_fails_opens_again_for_longer() -> None:
    later = NOW + timedelta(seconds=40)
    again = after(half_open(), failed(), later)
    assert (again.state, again.failures, again.opens, again.probe_trigger_id) == ("open", 6, 2, None)
    assert again.opened_at == NOW
    assert again.probe_at == later + timedelta(seconds=60)


def test_saying_the_same_word_of_a_probe_twice_changes_nothing() -> None:
    again = after(half_open(), failed(), NOW)
    assert after(again, failed(), NOW) is again
    closed = after(half_open(), well(), NOW)
    assert after(closed, well(), NOW) is closed


def test_who_may_try() -> None:
    breaker = opened()
    due = NOW + timedelta(seconds=30)
    assert not Breaker(ADA, HOST).may_probe(MINE, NOW)
    assert not breaker.may_probe(MINE, due - timedelta(microseconds=1))
    assert breaker.may_probe(MINE, due)
    trying = half_open()
    assert trying.may_probe(MINE, NOW)
    assert not trying.may_probe(OTHER, NOW)
    assert trying.may_probe(OTHER, NOW + timedelta(minutes=1))


def test_a_held_trigger_says_what_it_waits_for_and_until_when() -> None:
    cause = "Waiting: api.example.org:443 failed 5 times in a row"
    assert waiting(opened(), NOW) == (cause, "it is tried again at 10:42:30 UTC.")
    assert waiting(opened(), NOW + timedelta(seconds=30)) == (cause, "it is being tried again now.")
    assert waiting(half_open(), NOW) == (cause, "it is being tried again now.")


def test_a_held_trigger_looks_again_some_minutes_after_the_host_should_have_been_tried() -> None:
    assert look_again_at(opened(), NOW) == NOW + timedelta(minutes=5, seconds=30)
    assert look_again_at(opened(), NOW + timedelta(hours=1)) == NOW + timedelta(hours=1, minutes=5)
    assert look_again_at(opened(), NOW, 60) == NOW + timedelta(hours=5, seconds=30)


@pytest.mark.parametrize(
    ("outcome", "counts"),
    [
        (Outcome.completed({"status": 200}), True),
        (Outcome.failed("HTTP 404", {"status": 404}, FailureKind.UNEXPECTED_STATUS), True),
        (Outcome.failed("HTTP 429", {"status": 429}, FailureKind.RATE_LIMITED), False),
        (Outcome.failed("HTTP 503", {"status": 503}, FailureKind.SERVER_ERROR), False),
        (Outcome.failed("refused", kind=FailureKind.UNREACHABLE), False),
        (Outcome.failed("late", kind=FailureKind.NO_ANSWER), False),
        (Outcome.failed("Slack refused it", {"status": 200, "ok": False}, FailureKind.ERROR), True),
        (Outcome.failed("no url", kind=FailureKind.INVALID_INPUT), None),
        (Outcome.failed("a private address", kind=FailureKind.REFUSED), None),
        (Outcome.failed("a bug", kind=FailureKind.CRASHED), None),
        (Outcome.failed("no such job type"), None),
    ],
)
def test_only_what_tells_something_about_the_target_counts(outcome: Outcome, counts: bool | None) -> None:
    assert answered(outcome) is counts


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([MINE, OTHER]), st.integers(0, 900)), max_size=60))
def test_whatever_is_seen_a_breaker_that_is_not_closed_can_be_tried_within_ten_minutes(
    story: list[tuple[bool, TriggerId, int]],
) -> None:
    breaker, now = Breaker(ADA, HOST), NOW
    for ok, trigger, seconds in story:
        now += timedelta(seconds=seconds)
        if breaker.may_probe(trigger, now):
            breaker = Breaker(
                *(ADA, HOST, BreakerState.HALF_OPEN, breaker.failures, breaker.last_error, breaker.opens),
                *(breaker.opened_at, now + timedelta(minutes=1), trigger),
            )
        breaker = after(breaker, well(trigger) if ok else failed(trigger), now)
        assert breaker.closed == (breaker.probe_at is None)
        assert breaker.closed or breaker.may_probe(TriggerId(9), now + LONGEST_PAUSE)
        assert not breaker.closed or breaker.failures < FAILURES_TO_OPEN
