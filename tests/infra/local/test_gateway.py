"""Requests as events of payload version 2.0."""

import http.client
from typing import Any

import pytest

from infra.local.gateway import listen, to_event


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


@pytest.mark.parametrize(("method", "length"), [("GET", "2"), ("HEAD", "7")])
def test_only_to_a_head_the_function_says_how_long_the_body_would_be(method: str, length: str) -> None:
    def function(event: dict[str, Any], _context: Any) -> dict[str, Any]:
        body = "" if event["requestContext"]["http"]["method"] == "HEAD" else "{}"
        return {"statusCode": 200, "headers": {"Content-Length": "7"}, "body": body}

    server = listen(0, function)
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)
    try:
        connection.request(method, "/")
        answer = connection.getresponse()
        assert answer.headers.get_all("content-length") == [length]
        assert answer.read() == (b"" if method == "HEAD" else b"{}")
    finally:
        connection.close()
        server.shutdown()
        server.server_close()
