"""The slack job type, against a target that answers as Slack does."""

import json

import pytest

from shared.job import JsonValue
from shared.outcome import Outcome
from shared.runners.http_client import HttpClient
from shared.runners.slack import SlackRunner
from tests.shared.runners.conftest import within
from tests.targets import Target


def run(client: HttpClient, job_input: JsonValue, api_url: str = "https://slack.invalid") -> Outcome:
    return SlackRunner(client, api_url).run(job_input, within(5))


def test_a_webhook_gets_the_message_as_text(client: HttpClient, target: Target) -> None:
    outcome = run(client, {"webhook_url": f"{target.url}/body", "message": "it works"})
    assert outcome.ok
    assert outcome.output == {"status": 200, "body": '{"text": "it works"}'}
    assert target.seen[0].method == "POST"


def test_a_message_that_is_no_text_is_written_out(client: HttpClient, target: Target) -> None:
    run(client, {"webhook_url": f"{target.url}/body", "message": {"a": 1}})
    assert json.loads(target.seen[0].body) == {"text": '{"a":1}'}


def test_a_webhook_that_is_gone_fails_the_job(client: HttpClient, target: Target) -> None:
    outcome = run(client, {"webhook_url": f"{target.url}/status/404", "message": "x"})
    assert outcome.error == 'Slack refused the message: HTTP 404 {"says": "404"}'


def test_a_token_posts_to_its_channel(client: HttpClient, target: Target) -> None:
    run(client, {"token": "xoxb-1", "channel": "#ops", "message": "hi"}, target.url)
    seen = target.seen[0]
    assert (seen.path, seen.headers["authorization"]) == ("/chat.postMessage", "Bearer xoxb-1")
    assert json.loads(seen.body) == {"channel": "#ops", "text": "hi"}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ('{"ok": true, "channel": "C1", "ts": "1.2"}', None),
        ('{"ok": false, "error": "channel_not_found"}', "Slack refused the message: channel_not_found"),
        ("{}", "Slack refused the message: no reason given"),
        ("<html>", "Slack answered HTTP 200 without JSON"),
    ],
)
def test_the_api_s_ok_decides_and_not_its_status(
    client: HttpClient, answer: str, error: str | None, monkeypatch: pytest.MonkeyPatch, target: Target
) -> None:
    # The target echoes bodies, so the message stands in for Slack's answer.
    monkeypatch.setattr("shared.runners.slack.json.dumps", lambda _message: answer)
    outcome = run(client, {"token": "t", "channel": "c", "message": "m"}, f"{target.url}/body")
    assert outcome.error == error
    assert outcome.ok is (error is None)


@pytest.mark.parametrize(
    ("job_input", "field"),
    [
        ("hello", "input"),
        ({"message": "x"}, "webhook_url"),
        ({"message": "x", "webhook_url": "nonsense"}, "webhook_url"),
        ({"webhook_url": "http://example.org"}, "message"),
        ({"message": "x", "token": "t"}, "channel"),
        ({"message": "x", "token": 5, "channel": "c"}, "token"),
    ],
)
def test_input_that_cannot_be_used_names_the_field(client: HttpClient, job_input: JsonValue, field: str) -> None:
    assert (run(client, job_input).error or "").startswith(f"{field}: ")


def test_an_unreachable_webhook_fails_with_the_reason(client: HttpClient) -> None:
    outcome = run(client, {"webhook_url": "http://10.0.0.1/hook", "message": "x"})
    assert (outcome.error or "").startswith("refused to connect to 10.0.0.1")
