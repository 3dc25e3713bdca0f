"""The API's entry point: every kind of HTTP event, and its line in the log."""

import json
from typing import Any

import pytest

from chalicelib.application import build
from functions.api import answer, handler
from shared.services import Services
from tests.chalicelib.client import BASE, payload_2

ACCOUNT = {"username": "carol", "email": "carol@example.org", "password": "correct horse battery"}
BODY = json.dumps(ACCOUNT)


def payload_1(method: str, path: str, body: str | None = None) -> dict[str, Any]:
    """An event as an HTTP API with payload format 1.0 makes it, on a named stage."""
    return {
        "version": "1.0",
        "httpMethod": method,
        "path": path,
        "headers": {"Content-Type": "application/json"},
        "multiValueHeaders": {"Content-Type": ["application/json"]},
        "queryStringParameters": {"limit": "1"},
        "multiValueQueryStringParameters": {"limit": ["9", "1"]},
        "requestContext": {"stage": "$default", "requestId": "request-1"},
        "body": body,
        "isBase64Encoded": False,
    }


def rest_proxy(method: str, path: str, body: str | None = None) -> dict[str, Any]:
    """An event as a REST API with one {proxy+} resource makes it."""
    context = {"stage": "api", "resourcePath": "/{proxy+}", "httpMethod": method, "requestId": "request-1"}
    none: dict[str, Any] = dict.fromkeys(("multiValueHeaders", "multiValueQueryStringParameters"))
    event = {"resource": "/{proxy+}", "httpMethod": method, "path": path, "headers": None, "body": body}
    return {**event, **none, "queryStringParameters": None, "requestContext": context, "pathParameters": {"proxy": "x"}}


def function_url(method: str, path: str, body: str | None = None) -> dict[str, Any]:
    """An event as a function's own URL makes it: always base64."""
    return payload_2(method, path, None if body is None else body.encode())


EVENTS = [payload_2, payload_1, rest_proxy, function_url]


@pytest.mark.parametrize("event", EVENTS)
def test_every_kind_of_event_is_answered_alike(services: Services, event: Any) -> None:
    app = build(lambda: services)
    created = answer(app, event("POST", f"{BASE}/auth/register", BODY), None)
    assert created["statusCode"] == 201
    assert set(created) == {"statusCode", "headers", "body", "isBase64Encoded"}
    token = json.loads(created["body"])["token"]
    read = event("GET", f"{BASE}/job_templates/")
    read["headers"] = {**(read["headers"] or {}), "Authorization": f"Bearer {token}"}
    assert answer(app, read, None)["statusCode"] == 200
    assert answer(app, event("GET", "/health"), None)["statusCode"] == 200
    assert answer(app, event("GET", "/nothing"), None)["statusCode"] == 404
    assert answer(app, event("DELETE", "/health"), None)["statusCode"] == 405


def test_of_a_parameter_that_is_repeated_the_last_one_counts(services: Services) -> None:
    app = build(lambda: services)
    token = json.loads(answer(app, payload_2("POST", f"{BASE}/auth/register", BODY), None)["body"])["token"]
    bearer = {"authorization": f"Bearer {token}"}
    for event in (
        {**payload_1("GET", f"{BASE}/job_templates"), "multiValueHeaders": {"Authorization": [f"Bearer {token}"]}},
        {**payload_2("GET", f"{BASE}/job_templates", query={"limit": [9, 1]}), "headers": bearer},
        {**rest_proxy("GET", f"{BASE}/job_templates"), "queryStringParameters": {"limit": "1"}, "headers": bearer},
    ):
        assert len(json.loads(answer(app, event, None)["body"])["job_templates"]) == 1


def test_paths_may_be_encoded_and_an_http_apis_stage_is_no_part_of_them(services: Services) -> None:
    app = build(lambda: services)
    assert answer(app, payload_2("GET", "/he%61lth/"), None)["statusCode"] == 200
    event = payload_2("GET", "/prod/health")
    event["requestContext"]["stage"] = "prod"
    assert answer(app, event, None)["statusCode"] == 200
    assert answer(app, payload_2("GET", "/prod/health"), None)["statusCode"] == 404
    assert answer(app, rest_proxy("GET", "/api/health"), None)["statusCode"] == 404


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"Records": []},
        {"rawPath": "/", "requestContext": None},
        {"rawPath": 5, "requestContext": {"http": {"method": "GET"}}},
        {**payload_2("POST", "/health"), "body": "not base64!", "isBase64Encoded": True},
        {**payload_2("GET", "/health"), "headers": ["x"]},
    ],
)
def test_what_is_no_http_request_is_400(services: Services, event: dict[str, Any]) -> None:
    got = answer(build(lambda: services), event, None)
    assert got["statusCode"] == 400
    assert json.loads(got["body"])["trace_id"]


def test_the_callers_trace_goes_into_the_problem(services: Services) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    event = payload_2("GET", "/nothing")
    assert json.loads(answer(build(lambda: services), event, None)["body"])["trace_id"] == "request-1"
    event["headers"]["traceparent"] = f"00-{trace}-b7ad6b7169203331-01"
    assert json.loads(answer(build(lambda: services), event, None)["body"])["trace_id"] == trace


def test_each_request_is_one_line_in_the_log_without_password_or_token(
    services: Services, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    app = build(lambda: services)
    created = answer(app, payload_2("POST", f"{BASE}/auth/register", BODY), None)
    token = json.loads(created["body"])["token"]
    event = payload_2("GET", f"{BASE}/triggers/5")
    event["headers"]["authorization"] = f"Bearer {token}"
    answer(app, event, None)
    # pytest may hold a record twice, when a logger was made in an earlier test.
    records = {id(record): record for record in caplog.records if record.message == "request"}
    (first, second) = [record.__dict__ for record in records.values()]
    assert (first["route"], first["method"], first["status"]) == (f"{BASE}/auth/register", "POST", 201)
    assert (second["route"], second["status"]) == (f"{BASE}/triggers/{{trigger_id}}", 404)
    everything = capsys.readouterr().out + caplog.text + str([record.__dict__ for record in caplog.records])
    assert ACCOUNT["password"] not in everything
    assert token not in everything


def test_the_handler_is_there_without_any_settings() -> None:
    got = handler(payload_2("GET", "/health"), None)
    assert got["statusCode"] == 200
