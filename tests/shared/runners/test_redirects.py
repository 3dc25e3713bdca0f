"""Redirects are followed by those who ask for it, and carry nothing away."""

from collections.abc import Iterator
from typing import Any

import pytest

from shared.failure import FailureKind
from shared.outcome import Outcome
from shared.runners.http import HttpRunner
from shared.runners.http_client import HttpClient, guarded_client
from tests.shared.runners.conftest import LOOPBACK, within
from tests.targets import Target, running_target

SECRET = {"Authorization": "Bearer hidden", "Cookie": "a=b", "X-Api-Key": "hidden", "Accept": "text/plain"}


@pytest.fixture
def elsewhere() -> Iterator[Target]:
    """Another origin."""
    with running_target() as target:
        yield target


def run(client: HttpClient, url: str, **fields: Any) -> Outcome:
    return HttpRunner(client).run({"url": url, "follow_redirects": 3, **fields}, within(5))


def redirecting(target: Target, status: int, location: str) -> str:
    """A URL of the target that answers so once, and 200 from then on."""
    target.answers = [status, 200]
    target.headers = {"Location": location}
    return f"{target.url}/answers"


def test_nothing_is_followed_unless_asked_for(client: HttpClient, target: Target) -> None:
    outcome = run(client, redirecting(target, 302, "/echo"), follow_redirects=0)
    assert outcome.ok
    assert len(target.seen) == 1


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (301, "PUT", "PUT"),
        (307, "POST", "POST"),
        (308, "DELETE", "DELETE"),
        (303, "HEAD", "HEAD"),
    ],
)
def test_methods_change_as_the_standard_says(
    client: HttpClient, target: Target, status: int, method: str, then: str
) -> None:
    url = redirecting(target, status, "/echo?b=2")
    assert run(client, url, method=method, request_body={"a": 1}, headers=SECRET).ok
    last = target.seen[-1]
    assert (last.method, last.path, last.query) == (then, "/echo", {"b": ["2"]})
    assert last.body == (b"" if then == "GET" else b'{"a": 1}')
    assert ("content-type" in last.headers) == (then != "GET")
    # The same origin is told the same.
    assert last.headers["authorization"] == "Bearer hidden"


def test_to_another_origin_go_no_credentials(client: HttpClient, target: Target, elsewhere: Target) -> None:
    outcome = run(client, redirecting(target, 302, f"{elsewhere.url}/echo"), headers=SECRET)
    assert outcome.ok
    told = elsewhere.seen[0].headers
    assert told["accept"] == "text/plain"
    assert "hidden" not in str(told)
    assert "cookie" not in told
    assert told["host"] == f"127.0.0.1:{elsewhere.port}"


def test_a_body_is_not_taken_to_another_origin(client: HttpClient, target: Target, elsewhere: Target) -> None:
    outcome = run(client, redirecting(target, 307, f"{elsewhere.url}/echo"), method="POST", request_body="hidden")
    assert isinstance(outcome.output, dict)
    assert outcome.output["status"] == 307
    assert elsewhere.seen == []


def test_after_three_of_them_the_redirect_is_the_answer(client: HttpClient, target: Target) -> None:
    target.answers = [302]
    target.headers = {"Location": "/answers"}
    outcome = run(client, f"{target.url}/answers")
    assert isinstance(outcome.output, dict)
    assert outcome.output["status"] == 302
    assert len(target.seen) == 4


@pytest.mark.parametrize("location", ["http://169.254.169.254/latest/", "http://[::1]/", "//10.0.0.1/"])
def test_each_is_judged_like_a_request_of_its_own(target: Target, location: str) -> None:
    client = guarded_client(LOOPBACK[:1])
    outcome = run(client, redirecting(target, 302, location))
    client.pool.close()
    assert outcome.failure is FailureKind.NO_ANSWER or outcome.failure is FailureKind.REFUSED
    assert outcome.error is not None
    assert outcome.error.startswith("refused to connect to ")


@pytest.mark.parametrize("location", ["file:///etc/passwd", "gopher://x/", "http://a b/", "http://u:p@x/"])
def test_what_leads_nowhere_is_the_answer(client: HttpClient, target: Target, location: str) -> None:
    outcome = run(client, redirecting(target, 302, location))
    assert isinstance(outcome.output, dict)
    assert outcome.output["status"] == 302


@pytest.mark.parametrize("most", [-1, 4, "3", 1.5])
def test_their_number_is_checked(client: HttpClient, target: Target, most: Any) -> None:
    outcome = run(client, f"{target.url}/echo", follow_redirects=most)
    assert outcome.failure is FailureKind.INVALID_INPUT
    assert target.seen == []


def test_one_deadline_is_for_all_of_them(client: HttpClient, target: Target) -> None:
    url = redirecting(target, 302, "/hang")
    outcome = HttpRunner(client).run({"url": url, "follow_redirects": 1}, within(0.3))
    assert outcome.error == "no answer within 0.3 s"
