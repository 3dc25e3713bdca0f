"""Requests as events of payload version 2.0."""

from infra.local.gateway import to_event


def test_a_request_becomes_an_event() -> None:
    event = to_event("POST", "/a%20b?x=1&y=&x=2", [("Content-Type", "text/plain"), ("X-A", "1"), ("x-a", "2")], b"hi")
    assert event["version"] == "2.0"
    assert event["rawPath"] == event["requestContext"]["http"]["path"] == "/a b"
    assert event["requestContext"]["http"]["method"] == "POST"
    assert event["rawQueryString"] == "x=1&y=&x=2"
    assert event["queryStringParameters"] == {"x": "1,2", "y": ""}
    assert event["headers"] == {"content-type": "text/plain", "x-a": "1,2"}
    assert (event["body"], event["isBase64Encoded"]) == ("hi", False)


def test_a_body_that_is_no_text_is_encoded() -> None:
    event = to_event("POST", "/", [], b"\xff\xfe")
    assert (event["body"], event["isBase64Encoded"]) == ("//4=", True)


def test_no_body_is_no_body() -> None:
    assert "body" not in to_event("GET", "/", [], b"")
