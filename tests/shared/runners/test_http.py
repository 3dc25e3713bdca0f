"""The http job type: what users write, what goes out, what is kept of the answer."""

import json
from base64 import b64encode

import pytest

from shared.job import JsonObject, JsonValue
from shared.outcome import Outcome
from shared.runners.http import HttpRunner
from shared.runners.http_client import HttpClient
from shared.runners.http_type import JOB_TYPE
from tests.shared.runners.conftest import within
from tests.targets import Target


def run(client: HttpClient, job_input: JsonValue, seconds: float = 5) -> Outcome:
    return HttpRunner(client).run(job_input, within(seconds))


def output(outcome: Outcome) -> JsonObject:
    assert isinstance(outcome.output, dict), outcome.error
    return outcome.output


def test_a_get_needs_only_a_url_and_keeps_the_whole_answer(client: HttpClient, target: Target) -> None:
    outcome = run(client, {"url": f"{target.url}/echo?a=1"})
    assert outcome.ok
    kept = output(outcome)
    assert kept["status"] == 200
    assert kept["truncated"] is False
    assert isinstance(kept["body"], dict)
    assert kept["body"]["query"] == {"a": ["1"]}
    assert isinstance(kept["headers"], dict)
    assert kept["headers"]["content-type"] == "application/json"
    assert isinstance(kept["timings"], dict)
    assert list(kept["timings"]) == ["dns", "connect", "tls", "first_byte", "total"]


def test_query_headers_and_json_body_go_out_as_written(client: HttpClient, target: Target) -> None:
    query: JsonObject = {"b": ["x y", 2], "c": True}
    job_input: JsonObject = {
        "method": "post",
        "url": f"{target.url}/echo?a=1#part",
        "query": query,
        "headers": {"X-Number": 5, "X-Null": None},
        "request_body": {"ö": [1, None]},
    }
    assert run(client, job_input).ok
    seen = target.seen[0]
    assert seen.method == "POST"
    assert seen.query == {"a": ["1"], "b": ["x y", "2"], "c": ["true"]}
    assert seen.headers["x-number"] == "5"
    assert "x-null" not in seen.headers
    assert seen.headers["content-type"] == "application/json"
    assert json.loads(seen.body) == {"ö": [1, None]}


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("plain", "text/plain; charset=utf-8"),
        ('{"a": 1}', "application/json"),
        ("{not json", "text/plain; charset=utf-8"),
        ([1], "application/json"),
        (0, "application/json"),
        (False, "application/json"),
    ],
)
def test_a_body_says_what_it_is(client: HttpClient, target: Target, body: JsonValue, content_type: str) -> None:
    run(client, {"method": "PUT", "url": target.url, "request_body": body})
    assert target.seen[0].headers["content-type"] == content_type
    assert target.seen[0].body == (body if isinstance(body, str) else json.dumps(body)).encode()


def test_the_user_s_content_type_wins(client: HttpClient, target: Target) -> None:
    job_input: JsonObject = {
        "method": "POST",
        "url": target.url,
        "headers": {"content-type": "a/b"},
        "request_body": [1],
    }
    run(client, job_input)
    assert target.seen[0].headers["content-type"] == "a/b"


@pytest.mark.parametrize("body", [None, "", {}])
def test_an_empty_body_of_a_get_is_not_sent(client: HttpClient, target: Target, body: JsonValue) -> None:
    run(client, {"url": target.url, "request_body": body})
    assert target.seen[0].body == b""
    assert "content-type" not in target.seen[0].headers


def test_basic_and_bearer_become_an_authorization_header(client: HttpClient, target: Target) -> None:
    run(client, {"url": target.url, "auth": {"type": "basic", "username": "ann", "password": "wörd"}})
    run(client, {"url": target.url, "auth": {"type": "bearer", "token": "abc"}})
    sent = [seen.headers["authorization"] for seen in target.seen]
    assert sent == ["Basic " + b64encode("ann:wörd".encode()).decode(), "Bearer abc"]


@pytest.mark.parametrize(
    ("expected", "status", "error"),
    [
        (None, 399, None),
        (None, 404, "HTTP 404, expected 200-399"),
        (None, 503, "HTTP 503, expected 200-399"),
        (404, 404, None),
        (200, 201, "HTTP 201, expected 200"),
        ([200, 404], 404, None),
        ("200-299, 404", 404, None),
        ("200-299,404", 302, "HTTP 302, expected 200-299,404"),
        ("503", 503, None),
    ],
)
def test_expected_status_decides_and_the_answer_is_kept_either_way(
    client: HttpClient, target: Target, expected: JsonValue, status: int, error: str | None
) -> None:
    outcome = run(client, {"url": f"{target.url}/status/{status}", "expected_status": expected})
    assert outcome.error == error
    assert outcome.ok is (error is None)
    assert output(outcome)["body"] == {"says": str(status)}


@pytest.mark.parametrize(
    ("sent", "content_type", "kept"),
    [
        ('{"a": null}', "application/json", {"a": None}),
        ("[1]", "text/plain", [1]),
        ("null", "application/json", None),
        ("", "application/json", ""),
        ("hello", "application/json", "hello"),
        ("NaN", "application/json", "NaN"),
        ("[" * 5000 + "]" * 5000, "application/json", "[" * 5000 + "]" * 5000),
        ("é", "text/plain; charset=utf-8", "é"),
        ("x", 'text/plain; charset="no-such"', "x"),
    ],
)
def test_a_body_is_json_when_it_is_json_and_else_text(
    client: HttpClient, target: Target, sent: str, content_type: str, kept: JsonValue
) -> None:
    query: JsonObject = {"type": content_type}
    outcome = run(client, {"method": "POST", "url": f"{target.url}/body", "query": query, "request_body": sent})
    assert output(outcome)["body"] == kept


def test_a_long_answer_is_cut_and_says_so(client: HttpClient, target: Target) -> None:
    kept = output(run(client, {"url": f"{target.url}/big/70000"}))
    assert kept["truncated"] is True
    assert kept["body"] == "b" * 65536


def test_a_target_that_does_not_answer_fails_the_job_in_time(client: HttpClient, target: Target) -> None:
    outcome = run(client, {"url": f"{target.url}/hang"}, 0.2)
    assert (outcome.ok, outcome.error, outcome.output) == (False, "no answer within 0.2 s", None)


@pytest.mark.parametrize(
    ("job_input", "field"),
    [
        (None, "input"),
        ("http://example.org", "input"),
        ({}, "url"),
        ({"url": 5}, "url"),
        ({"url": "example.org"}, "url"),
        ({"url": "http://example.org", "method": "BREW"}, "method"),
        ({"url": "http://example.org", "headers": ["a"]}, "headers"),
        ({"url": "http://example.org", "headers": {"Host": "x"}}, "headers.Host"),
        ({"url": "http://example.org", "query": "a=1"}, "query"),
        ({"url": "http://example.org", "auth": {"type": "digest"}}, "auth.type"),
        ({"url": "http://example.org", "auth": {"type": "bearer"}}, "token"),
        ({"url": "http://example.org", "expected_status": "2xx"}, "expected_status"),
        ({"url": "http://example.org", "expected_status": []}, "expected_status"),
        ({"url": "http://example.org", "expected_status": "300-200"}, "expected_status"),
    ],
)
def test_input_that_cannot_be_used_fails_the_job_and_names_the_field(
    client: HttpClient, job_input: JsonValue, field: str
) -> None:
    outcome = run(client, job_input)
    assert not outcome.ok
    assert (outcome.error or "").startswith(f"{field}: ")


def test_its_name_is_http() -> None:
    assert JOB_TYPE.name == "http"
