"""From a host's name to a connected socket: look up, judge every address, connect to one of them, judge the peer."""

import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import BoundedSemaphore, Thread

from shared.runners.network_guard import NetworkGuard

SocketAddress = tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int]]
Lookup = Callable[[str, int], Sequence[SocketAddress]]

# A name server that hangs keeps a thread for as long as libc likes; this many may hang at once.
MAX_LOOKUPS = 64


class HostNotFound(Exception):  # noqa: N818 - the message is the sentence
    """The name leads to no address; the message names it."""


@dataclass(slots=True)
class Timings:
    """How long each part of a request took, in seconds. A reused connection has no dns, connect and tls."""

    dns: float = 0.0
    connect: float = 0.0
    tls: float = 0.0
    first_byte: float = 0.0
    total: float = 0.0

    def to_json(self) -> dict[str, float]:
        """The same, to a tenth of a millisecond."""
        return {name: round(getattr(self, name), 4) for name in ("dns", "connect", "tls", "first_byte", "total")}


def seconds_left(deadline: float) -> float:
    """Until this instant of ``time.monotonic()``; raises ``TimeoutError`` when it has passed."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def system_lookup(host: str, port: int) -> Sequence[SocketAddress]:
    """All TCP addresses of a host, by the system's resolver. Raises ``socket.gaierror``; may take long."""
    return _addresses(host, port, 0)


def _addresses(host: str, port: int, flags: int) -> list[SocketAddress]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=flags)
    return [(family, address) for family, _, _, _, address in found]  # type: ignore[misc]  # only AF_INET and AF_INET6


@dataclass(frozen=True, slots=True)
class Dialler:
    """Opens sockets to what the guard lets pass."""

    guard: NetworkGuard
    lookup: Lookup = system_lookup
    _lookups: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(MAX_LOOKUPS))

    def dial(self, host: str, port: int, deadline: float, timings: Timings) -> socket.socket:
        """A connected socket, its timeout set to what is left.

        Raises ``HostNotFound``, ``Refused``, ``TimeoutError`` or the ``OSError`` of the last address that was tried.
        """
        started = time.monotonic()
        addresses = self._resolve(host, port, deadline)
        # All of them, before any is used: a name that also points inside is not trusted at all.
        for _, address in addresses:
            self.guard.check(address[0], port)
        timings.dns = time.monotonic() - started
        sock = _connect_first(addresses, deadline)
        timings.connect = time.monotonic() - started - timings.dns
        try:
            self.guard.check(sock.getpeername()[0], port)
            sock.settimeout(seconds_left(deadline))
        except BaseException:
            sock.close()
            raise
        return sock

    def _resolve(self, host: str, port: int, deadline: float) -> Sequence[SocketAddress]:
        try:
            # Numbers in any spelling that libc takes (127.1, octal, hexadecimal) need no name server and no thread.
            return _addresses(host, port, socket.AI_NUMERICHOST)
        except (OSError, UnicodeError):
            answer = self._look_up_in_thread(host, port, deadline)
        if isinstance(answer, Exception):
            raise HostNotFound(f"cannot find the host {host}: {_resolver_says(answer)}") from answer
        if not answer:
            raise HostNotFound(f"cannot find the host {host}: it has no address")
        return answer

    def _look_up_in_thread(self, host: str, port: int, deadline: float) -> Sequence[SocketAddress] | Exception:
        # getaddrinfo cannot be interrupted, so it is left behind at the deadline; its thread ends when libc gives up.
        if not self._lookups.acquire(timeout=seconds_left(deadline)):
            raise TimeoutError
        answers: SimpleQueue[Sequence[SocketAddress] | Exception] = SimpleQueue()
        Thread(target=self._look_up, args=(host, port, answers), name="lookup", daemon=True).start()
        try:
            return answers.get(timeout=seconds_left(deadline))
        except Empty as error:
            raise TimeoutError from error

    def _look_up(self, host: str, port: int, answers: SimpleQueue[Sequence[SocketAddress] | Exception]) -> None:
        try:
            answers.put(self.lookup(host, port))
        except Exception as error:  # carried to the thread that waits
            answers.put(error)
        finally:
            self._lookups.release()


def _resolver_says(error: Exception) -> str:
    if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
        return "the name servers do not answer"
    return "there is no such name" if isinstance(error, socket.gaierror) else "it is not a valid name"


def _connect_first(addresses: Sequence[SocketAddress], deadline: float) -> socket.socket:
    failure: OSError | None = None
    for position, (family, address) in enumerate(addresses):
        try:
            # An address that swallows packets leaves time for the ones after it.
            return _connect(family, address, seconds_left(deadline) / (len(addresses) - position))
        except OSError as error:
            failure = error
    raise failure or TimeoutError()


def _connect(family: socket.AddressFamily, address: tuple[object, ...], timeout: float) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(timeout)
        sock.connect(address)
    except OSError as error:
        sock.close()
        error.filename = f"{address[0]}:{address[1]}"
        raise
    return sock
