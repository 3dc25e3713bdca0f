"""A real HTTP target on a free loopback port, with manners from good to bad; each test may have its own."""

import json
import socket
import ssl
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    connection: int


@dataclass
class Target:
    """Where it listens, and what came in. ``release`` lets requests to /hang and /drip go.

    ``answers`` are the statuses that /answers gives, one after the other, the last one for ever; with each of them
    go the ``headers``, and what is ``said`` if that is set.
    """

    url: str
    port: int
    seen: list[Seen] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)
    connections: int = 0
    answers: list[int] = field(default_factory=lambda: [200])
    headers: dict[str, str] = field(default_factory=dict)
    said: str = ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    target: Target
    # Otherwise the headers and the body leave as two packets, 40 ms apart.
    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.target.connections += 1
        self.connection_number = self.target.connections

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, ssl.SSLError):
            self.close_connection = True

    def finish(self) -> None:
        try:
            super().finish()
        except (ConnectionError, ssl.SSLError, ValueError):
            self.close_connection = True

    def __getattr__(self, name: str) -> object:
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def answer(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(self.command, parts.path, parse_qs(parts.query), headers, body, self.connection_number)
        self.target.seen.append(seen)
        first, _, rest = parts.path.lstrip("/").partition("/")
        getattr(self, f"say_{first.replace('-', '_')}", self.say_echo)(rest, seen)

    def say_echo(self, _rest: str, seen: Seen) -> None:
        """The request itself, as JSON."""
        shown = {"method": seen.method, "path": seen.path, "query": seen.query, "headers": seen.headers}
        self.reply(200, json.dumps(shown | {"body": seen.body.decode("utf-8", "replace")}).encode())

    def say_mirror(self, rest: str, seen: Seen) -> None:
        """The request in the answer's headers and body, under the status of the path: an attentive, chatty target."""
        status, _, path = rest.partition("/")
        shown = {"X-Path": path, "Set-Cookie": seen.headers.get("authorization", ""), "Location": self.path}
        told = {name: " ".join(value.split()) for name, value in shown.items()}
        self.reply(int(status), b"you said: " + seen.body, **told, **{"Content-Type": "text/plain"})

    def say_status(self, rest: str, _seen: Seen) -> None:
        self.reply(int(rest), b'{"says": "' + rest.encode() + b'"}', Location="/echo")

    def say_answers(self, _rest: str, seen: Seen) -> None:
        """The next status of the target's list."""
        status = self.target.answers.pop(0) if len(self.target.answers) > 1 else self.target.answers[0]
        said = self.target.said or json.dumps({"answered": status})
        self.reply(status, said.encode(), **self.target.headers)

    def say_feed(self, _rest: str, seen: Seen) -> None:
        """What the target is to say; whoever has it already is told so."""
        known = {"ETag": f'"{zlib.crc32(self.target.said.encode())}"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
        if self.target.answers[0] == 200 and seen.headers.get("if-none-match") == known["ETag"]:
            self.reply(304, b"", **known)
        else:
            self.reply(self.target.answers[0], self.target.said.encode(), **known, **{"Content-Type": "text/calendar"})

    def say_body(self, _rest: str, seen: Seen) -> None:
        """The request's body back, under the content type of the query."""
        self.reply(200, seen.body, **{"Content-Type": seen.query.get("type", ["application/json"])[0]})

    def say_hang(self, _rest: str, _seen: Seen) -> None:
        """Nothing, until released."""
        self.target.release.wait(60)
        self.close_connection = True

    def say_wait(self, _rest: str, _seen: Seen) -> None:
        """An answer, once released."""
        self.target.release.wait(60)
        self.reply(200, b"{}")

    def say_drip(self, _rest: str, _seen: Seen) -> None:
        """Headers at once, then a byte at a time, for ever."""
        self.start({"Content-Length": "100000"})
        self.dribble(b"x")

    def say_drip_headers(self, _rest: str, _seen: Seen) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        self.dribble(b"x")

    def say_endless(self, _rest: str, _seen: Seen) -> None:
        """As much as anybody reads, without a length."""
        self.start({"Connection": "close"})
        while not self.target.release.is_set():
            self.wfile.write(b"endless " * 1024)

    def say_big(self, rest: str, _seen: Seen) -> None:
        self.reply(200, b"b" * int(rest), **{"Content-Type": "text/plain"})

    def say_chunked(self, _rest: str, _seen: Seen) -> None:
        self.start({"Transfer-Encoding": "chunked", "Content-Type": "text/plain"})
        self.wfile.write(b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")

    def say_bad_header(self, _rest: str, _seen: Seen) -> None:
        self.raw(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 70_000 + b"\r\n\r\n")

    def say_gibberish(self, _rest: str, _seen: Seen) -> None:
        self.raw(b"SSH-2.0-OpenSSH_9.6\r\n")

    def say_close(self, _rest: str, _seen: Seen) -> None:
        """Hangs up without a word."""
        self.close_connection = True

    def say_half(self, _rest: str, _seen: Seen) -> None:
        """Promises more than it sends."""
        self.start({"Content-Length": "100"})
        self.wfile.write(b"half")
        self.close_connection = True

    def say_gzip(self, _rest: str, _seen: Seen) -> None:
        """A body that claims to be compressed."""
        self.reply(200, b"\x1f\x8b not really", **{"Content-Encoding": "gzip", "Content-Type": "text/plain"})

    def say_cookies(self, _rest: str, _seen: Seen) -> None:
        self.raw(b"HTTP/1.1 200 OK\r\nX-Two: a\r\nx-two: b\r\nContent-Length: 0\r\n\r\n")

    def say_goodbye(self, _rest: str, _seen: Seen) -> None:
        """Answers as if the connection stayed open, then closes it."""
        self.reply(200, b"{}")
        self.close_connection = True

    def reply(self, status: int, body: bytes, **headers: str) -> None:
        self.start({"Content-Type": "application/json", "Content-Length": str(len(body))} | headers, status)
        if self.command != "HEAD":
            self.wfile.write(body)

    def start(self, headers: dict[str, str], status: int = 200) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.flush()

    def raw(self, answer: bytes) -> None:
        self.wfile.write(answer)
        self.close_connection = True

    def dribble(self, part: bytes) -> None:
        while not self.target.release.wait(0.05):
            self.wfile.write(part)
            self.wfile.flush()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Silent: a failing test shows what it has seen."""


class _Server(ThreadingHTTPServer):
    # Connections that a client keeps open must not hold up the end of a test.
    block_on_close = False
    request_queue_size = 64

    def __init__(self, handler: type[_Handler], tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self._tls = tls
        self._open: list[socket.socket] = []

    def get_request(self) -> tuple[socket.socket, object]:
        sock, address = super().get_request()
        if self._tls is not None:
            # The handshake happens on the first read, in the connection's own thread.
            sock = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        self._open.append(sock)
        return sock, address

    def hang_up(self) -> None:
        for sock in self._open:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


@contextmanager
def running_target(tls: ssl.SSLContext | None = None) -> Iterator[Target]:
    """A target while the block runs; with ``tls`` it speaks HTTPS."""

    class Handler(_Handler):
        """One class a target, because the server makes the handlers."""

    server = _Server(Handler, tls)
    port = server.server_address[1]
    target = Handler.target = Target(f"{'https' if tls else 'http'}://127.0.0.1:{port}", port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield target
    finally:
        target.release.set()
        server.shutdown()
        server.hang_up()
        server.server_close()
        thread.join(5)
