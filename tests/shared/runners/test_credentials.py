"""Which texts of an input are credentials: by the type's schema, and by what the type knows."""

import base64

import pytest

from shared.job import JsonValue
from shared.redaction import MARK, Redaction
from shared.runners.credentials import typed_in

PAIR = base64.b64encode(b"ada:lovelace1").decode()


def shown(job_type: str, job_input: JsonValue) -> JsonValue:
    return Redaction(typed_in(job_type, job_input)).value(job_input)


@pytest.mark.parametrize(
    ("given", "left"),
    [
        (
            {"auth": {"type": "basic", "username": "ada", "password": "lovelace1"}, "query": {"q": PAIR}},
            {"auth": {"type": "basic", "username": "ada", "password": MARK}, "query": {"q": MARK}},
        ),
        ({"auth": {"type": "basic", "username": "u", "password": "pw"}}, {"auth": {"password": MARK}}),
        ({"auth": {"type": "bearer", "token": "tk_12345"}}, {"auth": {"token": MARK}}),
        ({"headers": {"authorization": "Bearer tk_12345"}}, {"headers": {"authorization": MARK}}),
        ({"headers": {"Authorization": f"Basic {PAIR}"}, "query": {"q": PAIR}}, {"query": {"q": MARK}}),
        ({"headers": {"X-Api-Key": "tk_12345", "X-Other": "x tk_12345"}}, {"headers": {"X-Other": f"x {MARK}"}}),
    ],
)
def test_credentials_of_an_http_job(given: dict[str, JsonValue], left: dict[str, dict[str, JsonValue]]) -> None:
    told = shown("http", {"url": "https://example.org/x", **given})
    assert isinstance(told, dict)
    assert told["url"] == "https://example.org/x"
    for name, fields in left.items():
        assert fields.items() <= told[name].items()


def test_credentials_of_a_slack_job_leave_its_host_known() -> None:
    given: JsonValue = {"webhook_url": "https://hooks.slack.com/services/T0/B0/abcdefgh", "message": "abcdefgh"}
    assert shown("slack", given) == {"webhook_url": f"https://hooks.slack.com/{MARK}", "message": MARK}
    assert shown("slack", {"token": "xoxb-1234", "channel": "#c"}) == {"token": MARK, "channel": "#c"}


@pytest.mark.parametrize("given", [None, "text", [1], {"url": 5}, {"auth": 7, "headers": "x"}, {"headers": {"a": 1}}])
def test_what_is_no_proper_input_has_none(given: JsonValue) -> None:
    for job_type in ("http", "slack", "logger", "teleport"):
        assert shown(job_type, given) == given
