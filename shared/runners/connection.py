"""urllib3's connections, taught two things: to connect only where the dialler does, and to stop at a deadline.

A socket's own timeout starts anew with each byte that trickles in. Here every wait is given what is left of one
deadline, so that a target cannot stretch a request by answering slowly.
"""

import io
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any, cast

from urllib3.connection import HTTPConnection, HTTPSConnection

from shared.runners.dialling import Dialler, Timings, seconds_left


class TimedReader(io.RawIOBase):
    """The reading half of a socket; ``arm`` sets the socket's timeout before each wait, ``on_read`` is told sizes."""

    def __init__(self, raw: io.RawIOBase, arm: Callable[[], None], on_read: Callable[[int], None]) -> None:
        self._raw = raw
        self._arm = arm
        self._on_read = on_read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._arm()
        size = self._raw.readinto(buffer)
        self._on_read(size or 0)
        return size

    def close(self) -> None:
        self._raw.close()
        super().close()


class TimedSocket:
    """A connected socket with one deadline (an instant of ``time.monotonic()``) for all its waits.

    Stands in for a socket where ``http.client`` and urllib3 use one.
    """

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self.begin(deadline)

    def begin(self, deadline: float) -> None:
        """Start another request on the same connection."""
        self._deadline = deadline
        self.sent_at = time.monotonic()
        self.first_byte_at: float | None = None
        self.wrote = False
        self.ended = False

    def sendall(self, data: Any) -> None:
        view = memoryview(data).cast("B")
        while view:
            self._arm()
            # Before it is tried: what a broken connection says of how much went out is not to be trusted.
            self.wrote = True
            view = view[self._sock.send(view) :]
        self.sent_at = time.monotonic()

    def makefile(self, _mode: str, _buffering: int | None = None) -> io.BufferedReader:
        raw = cast(io.RawIOBase, self._sock.makefile("rb", buffering=0))
        return io.BufferedReader(TimedReader(raw, self._arm, self._note))

    def settimeout(self, _seconds: float | None) -> None:
        """Ignored: the deadline decides."""

    def fileno(self) -> int:
        return self._sock.fileno()

    def close(self) -> None:
        self._sock.close()

    def _arm(self) -> None:
        self._sock.settimeout(seconds_left(self._deadline))

    def _note(self, size: int) -> None:
        if not size:
            self.ended = True
        elif self.first_byte_at is None:
            self.first_byte_at = time.monotonic()


class PlainConnection(HTTPConnection):
    """HTTP to a host that the dialler lets pass."""

    def __init__(self, host: str, port: int, dialler: Dialler, **options: Any) -> None:
        super().__init__(host, port, **options)
        self._dialler = dialler
        self._deadline = 0.0
        self._timings = Timings()
        self._timed: TimedSocket | None = None
        self.opened_at = time.monotonic()

    def begin(self, deadline: float) -> Timings:
        """Give the next request its deadline; what it takes is noted in the answer."""
        self._deadline = deadline
        self._timings = Timings()
        if self._timed is not None:
            self._timed.begin(deadline)
        return self._timings

    @property
    def wrote(self) -> bool:
        """Whether any part of the request may have reached the target."""
        return self._timed is not None and self._timed.wrote

    @property
    def ended(self) -> bool:
        """Whether the target has said its last byte of this request, as far as anybody has read."""
        return self._timed is not None and self._timed.ended

    @property
    def first_byte_seconds(self) -> float | None:
        """From the request's last byte to the answer's first; None before there is one."""
        if self._timed is None or self._timed.first_byte_at is None:
            return None
        return self._timed.first_byte_at - self._timed.sent_at

    def connect(self) -> None:
        started = time.monotonic()
        super().connect()
        self._timings.tls = self._handshake_seconds(time.monotonic() - started)
        self._timed = TimedSocket(self.sock, self._deadline)
        self.sock = cast(socket.socket, self._timed)

    def _new_conn(self) -> socket.socket:
        return self._dialler.dial(self._dns_host, self.port, self._deadline, self._timings)

    def _handshake_seconds(self, _connecting: float) -> float:
        return 0.0


class TlsConnection(PlainConnection, HTTPSConnection):
    """HTTPS: the name goes into SNI and must be in the certificate, the address is the dialler's."""

    def __init__(self, host: str, port: int, dialler: Dialler, context: ssl.SSLContext) -> None:
        super().__init__(host, port, dialler, ssl_context=context)

    def _handshake_seconds(self, connecting: float) -> float:
        return connecting - self._timings.dns - self._timings.connect
