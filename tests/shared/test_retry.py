"""Policies: what JSON may say, and how long it makes one wait."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Invalid
from shared.failure import PASSING, FailureKind
from shared.retry import LONGEST_SECONDS, MAX_ATTEMPTS, Backoff, Jitter, RetryPolicy, delay, parse, to_json

policies = st.builds(
    RetryPolicy,
    st.integers(0, MAX_ATTEMPTS),
    st.sampled_from(Backoff),
    st.integers(0, 3600),
    st.integers(3600, LONGEST_SECONDS),
    st.sampled_from(Jitter),
    st.frozensets(st.sampled_from(FailureKind), min_size=1),
)
chances = st.floats(0, 1, exclude_max=True)
tries = st.integers(1, MAX_ATTEMPTS + 1)


@given(policies)
def test_a_policy_is_read_as_it_was_written(policy: RetryPolicy) -> None:
    assert parse(to_json(policy)) == policy


def test_what_is_left_out_has_sensible_values() -> None:
    assert parse({"max_attempts": 5}) == RetryPolicy(5, Backoff.EXPONENTIAL, 10, 3600, Jitter.FULL, PASSING)
    assert parse({}) == RetryPolicy(3)
    assert parse({"max_attempts": None, "cap": None, "on": None}) == RetryPolicy(3)
    assert (parse(None), to_json(None)) == (None, None)


@pytest.mark.parametrize(
    ("wrong", "fields"),
    [
        (5, {"retry"}),
        ([], {"retry"}),
        ({"max_attempts": -1}, {"retry.max_attempts"}),
        ({"max_attempts": 201}, {"retry.max_attempts"}),
        ({"max_attempts": 1.5}, {"retry.max_attempts"}),
        ({"max_attempts": True}, {"retry.max_attempts"}),
        ({"max_attempts": "3"}, {"retry.max_attempts"}),
        ({"backoff": "linear"}, {"retry.backoff"}),
        ({"backoff": ["fixed"]}, {"retry.backoff"}),
        ({"jitter": 1}, {"retry.jitter"}),
        ({"base": -1}, {"retry.base"}),
        ({"cap": 0}, {"retry.cap"}),
        ({"cap": LONGEST_SECONDS + 1}, {"retry.cap"}),
        ({"base": 20, "cap": 10}, {"retry.base"}),
        ({"on": []}, {"retry.on"}),
        ({"on": "server_error"}, {"retry.on"}),
        ({"on": ["server_error", "bad_luck"]}, {"retry.on"}),
        ({"on": [{}]}, {"retry.on"}),
        (
            {"max_attempts": "x", "backoff": 0, "base": "1", "cap": [], "jitter": {}, "on": 1},
            {f"retry.{name}" for name in ("max_attempts", "backoff", "base", "cap", "jitter", "on")},
        ),
    ],
)
def test_every_wrong_field_is_named(wrong: Any, fields: set[str]) -> None:
    with pytest.raises(Invalid) as caught:
        parse(wrong)
    assert {fault.field for fault in caught.value.faults} == fields


def test_waits_double_up_to_the_cap() -> None:
    policy = RetryPolicy(200, base_seconds=10, cap_seconds=100, jitter=Jitter.NONE)
    assert [delay(policy, tries, None, 0.5) for tries in (1, 2, 3, 4, 5, 6, 200)] == [10, 20, 40, 80, 100, 100, 100]


def test_fixed_waits_stay_the_same() -> None:
    policy = RetryPolicy(200, Backoff.FIXED, 7, jitter=Jitter.NONE)
    assert {delay(policy, tries, None, 0.5) for tries in range(1, 201)} == {7}


@given(policies, tries, chances)
def test_jitter_takes_from_a_wait_and_never_adds_to_it(policy: RetryPolicy, tries: int, chance: float) -> None:
    full = RetryPolicy(policy.max_attempts, policy.backoff, policy.base_seconds, policy.cap_seconds, Jitter.NONE)
    assert 0 <= delay(policy, tries, None, chance) <= delay(full, tries, None, chance) <= policy.cap_seconds


@given(tries, st.lists(chances, min_size=2, max_size=50))
def test_chance_decides_and_nothing_else(tries: int, drawn: list[float]) -> None:
    waits = [delay(RetryPolicy(), tries, None, chance) for chance in drawn]
    whole = delay(RetryPolicy(jitter=Jitter.NONE), tries, None, 0)
    assert waits == [chance * whole for chance in drawn]


@given(policies, tries, st.floats(0, LONGEST_SECONDS), chances)
def test_what_the_target_asks_for_is_the_least(
    policy: RetryPolicy, tries: int, retry_after: float, chance: float
) -> None:
    assert delay(policy, tries, retry_after, chance) == max(retry_after, delay(policy, tries, None, chance))


@given(policies, st.integers(1, MAX_ATTEMPTS), chances)
def test_waits_never_shrink_with_more_tries(policy: RetryPolicy, tries: int, chance: float) -> None:
    assert delay(policy, tries, None, chance) <= delay(policy, tries + 1, None, chance)
