"""The front door, before a target that answers with what it got."""

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local.door import Door
from infra.local.echo import Echo
from infra.local.home import LocalCloudError
from infra.local.ports import free_port


@pytest.fixture
def door() -> Iterator[Door]:
    door = Door(0)
    yield door
    door.close()


@pytest.fixture
def opened(door: Door, tmp_path: Path) -> Iterator[Door]:
    echo = Echo(tmp_path / "port")
    door.open(echo.url, "abc")
    yield door
    echo.close()


def ask(door: Door, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=20)
    try:
        connection.request(method, path, body, headers, encode_chunked=not isinstance(body, bytes | None))
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_reaches_the_deployed_api_with_path_and_query(opened: Door, method: str) -> None:
    status, headers, body = ask(opened, method, "/api/x%20y?a=1&b=2")
    echoed = json.loads(body)
    assert (status, headers["Content-Type"], echoed["method"]) == (200, "application/json", method)
    assert echoed["path"] == "/_aws/execute-api/abc/$default/api/x%20y"
    assert echoed["query"] == {"a": "1", "b": "2"}


def test_the_answer_to_head_has_no_body(opened: Door) -> None:
    status, headers, body = ask(opened, "HEAD", "/")
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) > 0


def test_a_large_body_arrives_whole(opened: Door) -> None:
    text = "x" * 500_000
    assert json.loads(ask(opened, "POST", "/", text.encode())[2])["body"] == text


def test_headers_of_one_connection_stay_on_it(opened: Door) -> None:
    _, headers, body = ask(opened, "GET", "/", **{"Content-Type": "text/plain", "Connection": "keep-alive"})
    assert json.loads(body)["headers"]["content-type"] == "text/plain"
    assert "Connection" not in headers


def answer_once(server: socket.socket, answer: bytes) -> bytes:
    """Reads one request up to an empty line or the last chunk, answers, hangs up; returns the request."""
    connection, _ = server.accept()
    with connection:
        request = b""
        while (
            not request.endswith((b"\r\n\r\n", b"0\r\n\r\n"))
            or request.count(b"\r\n\r\n") < request.count(b"chunked") + 1
        ):
            request += connection.recv(65536)
        connection.sendall(answer)
    return request


def test_chunked_bodies_stay_chunked_in_both_directions(door: Door) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(("127.0.0.1", door.port)) as client:
        door.open(f"http://127.0.0.1:{server.getsockname()[1]}", "abc")
        client.sendall(
            b"POST /up HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
        )
        request = answer_once(
            server, b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n0\r\n\r\n"
        )
        answer = http.client.HTTPResponse(client)
        answer.begin()
        assert (answer.status, answer.headers["Transfer-Encoding"], answer.read()) == (201, "chunked", b"xyz")
        answer.close()
    assert request.endswith(b"\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")


def test_the_callers_address_and_host_are_passed_on(door: Door) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(("127.0.0.1", door.port)) as client:
        door.open(f"http://127.0.0.1:{server.getsockname()[1]}", "abc")
        client.sendall(b"GET / HTTP/1.1\r\nHost: cronny.example\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n")
        request = answer_once(server, b"HTTP/1.1 204 No Content\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 204 ")
    assert b"Host: cronny.example\r\n" in request
    assert b"X-Forwarded-For: 192.0.2.7, 127.0.0.1\r\n" in request


def test_it_says_that_cronny_is_starting_until_it_is_opened(door: Door) -> None:
    status, headers, body = ask(door, "GET", "/health")
    assert (status, headers["Content-Type"], headers["Retry-After"]) == (503, "application/problem+json", "1")
    assert "starting" in json.loads(body)["detail"]


def test_it_says_so_when_the_endpoint_is_away(door: Door) -> None:
    door.open(f"http://127.0.0.1:{free_port()}", "abc")
    status, headers, body = ask(door, "GET", "/health")
    assert (status, headers["Content-Type"]) == (502, "application/problem+json")
    assert "does not answer" in json.loads(body)["detail"]


def test_a_body_whose_length_cannot_be_read_is_refused(opened: Door) -> None:
    status, _, body = ask(opened, "POST", "/", None, **{"Content-Length": "many"})
    assert (status, json.loads(body)["title"]) == (400, "Bad Request")


def test_a_taken_port_is_an_error_that_says_what_to_do(door: Door) -> None:
    with pytest.raises(LocalCloudError, match=rf"Port {door.port} is in use.*make run PORT="):
        Door(door.port)
