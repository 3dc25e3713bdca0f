"""The front door: what asks 127.0.0.1:PORT is answered by the deployed HTTP API.

Bodies are passed on in pieces, in both directions; nothing is interpreted. While nothing is deployed the answer is 503,
and 502 when the AWS endpoint is away.
"""

import http.client
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from typing import Any
from urllib.parse import urlsplit

from infra.local.home import LocalCloudError
from infra.local.ports import LOOPBACK

PIECE = 64 * 1024
# The API's own limit is 29 s; the rest is for a cold start.
TIMEOUT_SECONDS = 60
# Each concurrent request is a process of the emulator's: beyond this many, requests wait here. With twice as many, 200
# clients at once made schedules twelve seconds late on two cores; with these one second, at the same pace.
CONCURRENCY = 4
# These describe one connection (RFC 9110, 7.6.1), not the message.
HOP_BY_HOP = {
    *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"),
    *("te", "trailer", "transfer-encoding", "upgrade"),
}


class Door:
    """Listens on loopback as soon as it is built; forwards once `open` was called.

    Raises LocalCloudError when the port is taken.
    """

    def __init__(self, port: int) -> None:
        try:
            self._server = _Server((LOOPBACK, port), _Handler)
        except OSError as error:
            advice = f"stop the program that listens there, or choose another one: make run PORT={port + 1}"
            raise LocalCloudError(f"Port {port} is in use: {advice}") from error
        self.port: int = self._server.server_address[1]
        self.url = f"http://{LOOPBACK}:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.1], daemon=True)
        self._thread.start()

    def open(self, endpoint: str, api_id: str) -> None:
        """From now on requests go to this HTTP API of the AWS endpoint."""
        self._server.target = (endpoint, f"/_aws/execute-api/{api_id}/$default")

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    target: tuple[str, str] | None = None

    def __init__(self, *arguments: Any) -> None:
        self.places = threading.BoundedSemaphore(CONCURRENCY)
        super().__init__(*arguments)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    # Head and body leave in one packet; otherwise the client's delayed acknowledgement costs 40 ms.
    disable_nagle_algorithm = True
    wbufsize = PIECE
    timeout = TIMEOUT_SECONDS

    def __getattr__(self, name: str) -> Any:
        # The base class asks for a method `do_<METHOD>`; every method is forwarded.
        if name.startswith("do_"):
            return self._forward
        raise AttributeError(name)

    def log_message(self, *_: Any) -> None:
        """The functions log their requests."""

    def _forward(self) -> None:
        if self.server.target is None:
            self.close_connection = True
            return self._problem(503, "Service Unavailable", "Cronny is still starting; try again in a moment.")
        endpoint, prefix = self.server.target
        with self.server.places:
            upstream = http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=TIMEOUT_SECONDS)
            try:
                self._ask(upstream, prefix)
                answer = upstream.getresponse()
            except ValueError:
                self.close_connection = True
                return self._problem(400, "Bad Request", "The length of the body cannot be read.")
            except (OSError, http.client.HTTPException) as error:
                self.close_connection = True
                return self._problem(502, "Bad Gateway", f"The AWS endpoint {endpoint} does not answer ({error}).")
            try:
                self._answer(answer)
            except (OSError, http.client.HTTPException):
                # The status has been sent: the only way left to say that the answer is not whole.
                self.close_connection = True
            finally:
                upstream.close()

    def _ask(self, upstream: http.client.HTTPConnection, prefix: str) -> None:
        chunked = "chunked" in self.headers.get("Transfer-Encoding", "").lower()
        upstream.putrequest(self.command, prefix + self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in HOP_BY_HOP | {"x-forwarded-for", "expect"}:
                upstream.putheader(name, value)
        before = self.headers.get_all("X-Forwarded-For", [])
        upstream.putheader("X-Forwarded-For", ", ".join([*before, self.client_address[0]]))
        if chunked:
            upstream.putheader("Transfer-Encoding", "chunked")
        body = _chunks(self.rfile) if chunked else _pieces(self.rfile, int(self.headers.get("Content-Length") or 0))
        upstream.endheaders(body, encode_chunked=chunked)

    def _answer(self, answer: http.client.HTTPResponse) -> None:
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        bodiless = self.command == "HEAD" or answer.status in (204, 304)
        chunked = answer.length is None and not bodiless
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while not bodiless and (piece := answer.read1(PIECE)):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            self.wfile.flush()
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def _problem(self, status: int, title: str, detail: str) -> None:
        problem = {"type": "about:blank", "title": title, "status": status, "detail": detail, "message": detail}
        body = json.dumps(problem).encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/problem+json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Retry-After", "1")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


def _pieces(stream: BufferedIOBase, length: int) -> Iterator[bytes]:
    while length > 0 and (piece := stream.read(min(PIECE, length))):
        length -= len(piece)
        yield piece


def _chunks(stream: BufferedIOBase) -> Iterator[bytes]:
    """The content of a chunked body (RFC 9112, 7.1), without its trailers."""
    while size := int(stream.readline(100).split(b";")[0], 16):
        yield from _pieces(stream, size)
        stream.readline(3)
    while stream.readline(PIECE).strip():
        pass
