"""Every failure of a target has a kind, and says truthfully whether anything may have reached it."""

import socket
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from shared.outcome import FailureKind, Outcome
from shared.runners import RunContext
from shared.runners.dialling import Dialler, SocketAddress
from shared.runners.http import HttpRunner
from shared.runners.http_client import HttpClient, guarded_client
from shared.runners.network_guard import NetworkGuard
from shared.runners.slack import SlackRunner
from tests.shared.runners.conftest import LOOPBACK, within
from tests.targets import Target


def called(client: HttpClient, url: str, context: RunContext | None = None, **fields: Any) -> Outcome:
    return HttpRunner(client).run({"url": url, **fields}, context or within(5))


def kind(outcome: Outcome) -> tuple[FailureKind | None, bool]:
    return outcome.failure, outcome.maybe_sent


NOT_SENT = (FailureKind.UNREACHABLE, False)
MAYBE_SENT = (FailureKind.NO_ANSWER, True)


def test_a_closed_port_is_unreachable(client: HttpClient) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    assert kind(called(client, f"http://127.0.0.1:{port}/")) == NOT_SENT


def test_a_port_that_does_not_accept_is_unreachable() -> None:
    # A queue of connections that is full: the SYN is dropped, as by a firewall.
    with closing(socket.socket()) as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
        try:
            outcome = called(guarded_client(LOOPBACK), f"http://127.0.0.1:{full.getsockname()[1]}/", within(0.3))
        finally:
            for sock in waiting:
                sock.close()
    assert kind(outcome) == NOT_SENT, outcome.error


def test_a_host_that_does_not_exist_is_unreachable() -> None:
    def nowhere(_host: str, _port: int) -> Sequence[SocketAddress]:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    client = HttpClient(Dialler(NetworkGuard(LOOPBACK), nowhere))
    assert kind(called(client, "http://nowhere.example/")) == NOT_SENT


def test_a_target_without_tls_is_unreachable(client: HttpClient, target: Target) -> None:
    assert kind(called(client, f"https://127.0.0.1:{target.port}/")) == NOT_SENT
    assert target.seen == []


def test_an_address_that_cronny_does_not_call_is_refused(target: Target) -> None:
    outcome = called(guarded_client([ip_network("192.0.2.0/24")]), target.url)
    assert kind(outcome) == (FailureKind.REFUSED, False)


@pytest.mark.parametrize("path", ["hang", "drip-headers", "drip", "close", "half", "gibberish", "bad-header"])
def test_an_answer_that_is_lost_late_or_none_may_have_been_sent(client: HttpClient, target: Target, path: str) -> None:
    assert kind(called(client, f"{target.url}/{path}", within(0.3))) == MAYBE_SENT
    assert len(target.seen) == 1


def test_a_body_that_is_cut_off_may_have_been_sent(client: HttpClient) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        outcome = called(client, url, within(0.3), method="POST", request_body="x" * 20_000_000)
    assert kind(outcome) == MAYBE_SENT


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (429, "rate_limited"),
        (408, "server_error"),
        (500, "server_error"),
        (503, "server_error"),
        (599, "server_error"),
        (404, "unexpected_status"),
        (400, "unexpected_status"),
    ],
)
def test_a_status_that_is_not_expected_has_its_kind(
    client: HttpClient, target: Target, status: int, failure: str
) -> None:
    assert kind(called(client, f"{target.url}/status/{status}")) == (failure, True)


def test_an_expected_status_is_no_failure_whatever_it_is(client: HttpClient, target: Target) -> None:
    outcome = called(client, f"{target.url}/status/503", expected_status="503")
    assert (outcome.ok, outcome.failure) == (True, None)


def test_an_input_that_cannot_be_used_was_not_sent(client: HttpClient) -> None:
    assert kind(called(client, "nonsense")) == (FailureKind.INVALID_INPUT, False)
    assert kind(SlackRunner(client).run({}, within(5))) == (FailureKind.INVALID_INPUT, False)


@pytest.mark.parametrize("status", [429, 503, 404])
def test_what_a_target_asks_for_comes_with_the_failure(client: HttpClient, target: Target, status: int) -> None:
    target.answers, target.headers = [status], {"Retry-After": "90"}
    assert called(client, f"{target.url}/answers").retry_after == 90
    slack = SlackRunner(client).run({"webhook_url": f"{target.url}/answers", "message": "x"}, within(5))
    assert slack.retry_after == 90


def test_a_kept_connection_that_failed_first_may_have_been_sent(client: HttpClient, target: Target) -> None:
    called(client, f"{target.url}/echo")
    assert kind(called(client, f"{target.url}/close")) == MAYBE_SENT


def test_what_must_not_be_sent_twice_uses_no_connection_that_may_be_closed(client: HttpClient, target: Target) -> None:
    once = replace(within(5), once=True)
    assert called(client, f"{target.url}/echo").ok
    assert called(client, f"{target.url}/echo", once).ok
    assert target.connections == 2
    assert kind(called(client, f"{target.url}/close", once)) == MAYBE_SENT
    assert [seen.path for seen in target.seen] == ["/echo", "/echo", "/close"]


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        ('{"ok": false, "error": "channel_not_found"}', "error"),
        ('{"ok": false, "error": "internal_error"}', "server_error"),
        ('{"ok": false, "error": "ratelimited"}', "rate_limited"),
        ("<html>", "no_answer"),
    ],
)
def test_what_slack_says_has_its_kind(
    client: HttpClient, target: Target, monkeypatch: pytest.MonkeyPatch, said: str, failure: str
) -> None:
    # The target echoes bodies, so the message stands in for Slack's answer.
    monkeypatch.setattr("shared.runners.slack.json.dumps", lambda _message: said)
    outcome = SlackRunner(client, f"{target.url}/body").run({"token": "t", "channel": "c", "message": "m"}, within(5))
    assert kind(outcome) == (failure, True)


@pytest.mark.parametrize(
    ("status", "failure"), [(429, "rate_limited"), (500, "server_error"), (404, "unexpected_status")]
)
def test_slacks_statuses_have_their_kinds(client: HttpClient, target: Target, status: int, failure: str) -> None:
    target.answers = [status]
    hook = {"webhook_url": f"{target.url}/answers", "message": "x"}
    assert kind(SlackRunner(client).run(hook, within(5))) == (failure, True)
    channel = {"token": "t", "channel": "c", "message": "x"}
    assert kind(SlackRunner(client, f"{target.url}/answers").run(channel, within(5))) == (failure, True)


def test_a_deadline_that_has_passed_sends_nothing(client: HttpClient, target: Target) -> None:
    late = RunContext(time.monotonic() - 1, "key", 7, 1)
    assert kind(called(client, target.url, late)) == NOT_SENT
    assert target.seen == []
