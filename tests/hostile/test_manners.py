"""No target can hold an executor beyond the deadline, fill its memory, or send it anywhere else."""

import time
import tracemalloc
from collections.abc import Iterator

import pytest

from shared.failure import FailureKind
from shared.outcome import Outcome
from shared.runners.http import HttpRunner
from shared.runners.http_client import MAX_BODY_BYTES, guarded_client
from shared.store.jsonb import text
from tests.hostile.manners import ANSWERS, BROKEN, MEGABYTE, REDIRECTS, behaving, redirecting, says
from tests.shared.runners.conftest import LOOPBACK, within

# What does not fail by itself fails when this has passed; an answer has more time than any machine needs.
SECONDS = 0.4
ENOUGH = 30.0
# The most that one request may take of an executor's memory: its body, what JSON makes of it, and some copies.
MOST_BYTES = 16 * MEGABYTE


@pytest.fixture
def runner() -> Iterator[HttpRunner]:
    client = guarded_client(LOOPBACK)
    yield HttpRunner(client)
    client.pool.close()


def run(runner: HttpRunner, url: str, seconds: float) -> Outcome:
    """Bounded in time, memory and size, whatever is there."""
    until = time.monotonic() + seconds
    tracemalloc.start()
    try:
        outcome = runner.run({"url": url, "method": "POST", "request_body": "hello"}, within(seconds))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert time.monotonic() < until + 5
    assert most < MOST_BYTES
    # It can be stored as it is, and is no larger than what was read of it, escaped.
    assert len(text(outcome.output)) < 10 * MAX_BODY_BYTES
    return outcome


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_answer_fails_the_job_with_a_sentence(runner: HttpRunner, name: str) -> None:
    with behaving(BROKEN[name]) as server:
        outcome = run(runner, server.url, SECONDS)
    assert not outcome.ok
    assert outcome.failure in (FailureKind.NO_ANSWER, FailureKind.UNREACHABLE)
    assert outcome.error
    assert len(outcome.error) < 300
    assert "Traceback" not in outcome.error
    assert server.connections == 1


@pytest.mark.parametrize("name", ANSWERS)
def test_an_odd_answer_ends_in_an_outcome(runner: HttpRunner, name: str) -> None:
    with behaving(ANSWERS[name]) as server:
        outcome = run(runner, server.url, ENOUGH)
    assert outcome.ok or outcome.error
    assert server.connections == 1


@pytest.mark.parametrize("name", [name for name in ANSWERS if "bomb" in name])
def test_nothing_is_unpacked(runner: HttpRunner, name: str) -> None:
    with behaving(ANSWERS[name]) as server:
        outcome = run(runner, server.url, ENOUGH)
    if outcome.ok:
        assert isinstance(outcome.output, dict)
        assert isinstance(outcome.output["body"], str)
        assert len(outcome.output["body"]) <= MAX_BODY_BYTES


@pytest.mark.parametrize("location", REDIRECTS, ids=lambda location: repr(location)[:40])
def test_nobody_is_sent_elsewhere(runner: HttpRunner, location: bytes) -> None:
    with behaving(redirecting(location)) as server:
        run(runner, server.url, ENOUGH)
    assert server.requests == ["POST / HTTP/1.1"]


def test_an_answer_that_nobody_asked_for_is_not_taken_for_that_of_the_next_request(runner: HttpRunner) -> None:
    twice = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    with behaving(says(twice + b"{}" + twice + b"no")) as server:
        answers = [run(runner, server.url, ENOUGH).output for _ in range(3)]
    assert [answer["body"] for answer in answers if isinstance(answer, dict)] == [{}, {}, {}]
    assert server.connections == 3


def test_the_corpus_of_manners_is_large() -> None:
    assert len(BROKEN) + len(ANSWERS) + len(REDIRECTS) >= 70
