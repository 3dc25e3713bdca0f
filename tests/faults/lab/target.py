"""Whom the jobs call: a real HTTP server that writes down each call, and may be slow, fail, or hang up.

A call says by its path how it wants to be answered (``/ok``, ``/slow/300`` milliseconds, ``/status/503``, ``/flaky`` or
``/reluctant``: a failure first) and by its query which occurrence it belongs to: what the target knows does not come
from Cronny's tables.
"""

import select
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

# What the first call of a key is answered: as by a sick host, or by one that is well and does not want to.
FAILS_FIRST = {"flaky": 503, "reluctant": 409}


@dataclass(slots=True)
class Call:
    """One request; instants of ``time.monotonic()``. ``ended`` is when it was answered, or when the caller was gone."""

    key: str
    occurrence: str
    begun: float
    ended: float | None = None
    answered: bool = False


@dataclass
class Target:
    """Where it listens, and who called. ``status`` other than None is answered to everybody."""

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    status: int | None = None
    delay: float = 0.0
    failed_once: set[str] = field(default_factory=set)

    def by_key(self) -> dict[str, list[Call]]:
        """The calls of each Idempotency-Key, in the order of their arrival."""
        found: dict[str, list[Call]] = defaultdict(list)
        for call in list(self.calls):
            found[call.key].append(call)
        return found

    def overlaps(self) -> list[tuple[Call, Call]]:
        """Calls with the same key that were going on at the same time."""
        return [
            (one, other)
            for calls in self.by_key().values()
            for one, other in pairwise(calls)
            if one.ended is None or other.begun < one.ended
        ]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    target: Target

    def handle_error(self, _request: object, _address: object) -> None:
        """A caller that was killed is nothing to talk about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        parts = urlsplit(self.path)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        occurrence = parse_qs(parts.query).get("of", [""])[0]
        call = Call(self.headers.get("Idempotency-Key", ""), occurrence, time.monotonic())
        self.server.target.calls.append(call)
        status, delay = self._manners(parts.path, call.key)
        if not self._gone_within(delay):
            self._answer(status)
            call.answered = True
        call.ended = time.monotonic()

    def _manners(self, path: str, key: str) -> tuple[int, float]:
        target = self.server.target
        kind, _, number = path.lstrip("/").partition("/")
        delay = int(number) / 1000 if kind == "slow" else 0.0
        status = int(number) if kind == "status" else 200
        if kind in FAILS_FIRST and key not in target.failed_once:
            target.failed_once.add(key)
            status = FAILS_FIRST[kind]
        return target.status or status, max(delay, target.delay)

    def _gone_within(self, seconds: float) -> bool:
        """Wait; whether the caller hung up meanwhile."""
        if not seconds or not select.select([self.connection], [], [], seconds)[0]:
            return False
        self.close_connection = True
        return True

    def _answer(self, status: int) -> None:
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "11")
        self.end_headers()
        self.wfile.write(b'{"ok":true}')
        self.wfile.flush()

    def log_message(self, *_arguments: object) -> None:
        """Keep quiet."""


@contextmanager
def listening() -> Iterator[Target]:
    """A target on a free loopback port, for as long as the block lasts."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.target = Target(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        yield server.target
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
