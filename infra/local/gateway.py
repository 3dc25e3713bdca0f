"""What API Gateway does in the cloud: turns HTTP requests into events of payload version 2.0, and answers back."""

import base64
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from infra.local.context import Context
from infra.local.handlers import Handler, handler, timeout
from infra.local.home import LocalCloudError
from infra.local.ports import LOOPBACK

# API Gateway refuses more than 10 MB.
LARGEST_BODY = 10 * 1024 * 1024


def run(port: int, stop: threading.Event) -> None:
    """Answers HTTP on a loopback port until `stop`. Raises LocalCloudError when the port is taken."""
    try:
        server = listen(port, handler("api"))
    except OSError as error:
        raise LocalCloudError(f"Port {port} is in use: choose another one with --port.") from error
    print(f"The api answers on http://{LOOPBACK}:{server.server_address[1]}, in process {os.getpid()}.", flush=True)
    stop.wait()
    server.shutdown()
    server.server_close()
    server.finish(timeout("api"))
    # Handlers ran in threads, which get no SIGTERM.
    from app import app  # as late as its handler: both come with everything that the API needs

    app.stopwatch.flush()


def listen(port: int, function: Handler) -> "Server":
    """A server on a loopback port, 0 for a free one, whose requests this function answers from now on."""
    server = Server((LOOPBACK, port), _Handler)
    server.function = function
    threading.Thread(target=server.serve_forever, args=[0.1], daemon=True).start()
    return server


class Server(ThreadingHTTPServer):
    """One function behind HTTP."""

    daemon_threads = True
    block_on_close = False
    function: Handler

    def __init__(self, *arguments: Any) -> None:
        # As an instance of a function does; connections stay open side by side.
        self.one_at_a_time = threading.Lock()
        self._answering = 0
        self._answered = threading.Condition()
        super().__init__(*arguments)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Whoever stops us waits for what is within, the writing of the answer included."""
        with self._answered:
            self._answering += 1
        try:
            yield
        finally:
            with self._answered:
                self._answering -= 1
                self._answered.notify_all()

    def finish(self, seconds: float) -> None:
        """Wait for the answers that are on their way, that long at most."""
        with self._answered:
            self._answered.wait_for(lambda: self._answering == 0, seconds)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024
    timeout = 60

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST_BODY:
            self.send_error(413)
            return
        event = to_event(self.command, self.path, list(self.headers.items()), self.rfile.read(length))
        with self.server.answering():
            with self.server.one_at_a_time:
                answer = self.server.function(event, Context("cronny-api", timeout("api")))
            self._write(answer)

    def _write(self, answer: dict[str, Any]) -> None:
        text = answer.get("body") or ""
        body = base64.b64decode(text) if answer.get("isBase64Encoded") else str(text).encode()
        self.send_response(int(answer["statusCode"]))
        headers = {name.lower(): value for name, value in (answer.get("headers") or {}).items()}
        length = {"content-length": str(len(body))}
        # To a HEAD the function alone knows how long the body would be.
        for name, value in (length | headers if self.command == "HEAD" else headers | length).items():
            self.send_header(name, value)
        for cookie in answer.get("cookies") or []:
            self.send_header("set-cookie", cookie)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()


def to_event(method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> dict[str, Any]:
    """A request as API Gateway's payload 2.0. Repeated headers and query fields are joined with commas, as there."""
    url = urlsplit(target)
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": unquote(url.path),
        "rawQueryString": url.query,
        "headers": _joined([(name.lower(), value) for name, value in headers]),
        "queryStringParameters": _joined(parse_qsl(url.query, keep_blank_values=True)),
        "requestContext": {
            "stage": "$default",
            "requestId": os.urandom(16).hex(),
            "http": {"method": method, "path": unquote(url.path), "protocol": "HTTP/1.1", "sourceIp": LOOPBACK},
        },
    }
    return event | _body(body)


def _joined(pairs: list[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _body(body: bytes) -> dict[str, Any]:
    try:
        return {"body": body.decode(), "isBase64Encoded": False} if body else {"isBase64Encoded": False}
    except UnicodeDecodeError:
        return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
