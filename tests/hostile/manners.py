"""What a target may do instead of answering: each a function that is given the connection after its first request.

``BROKEN`` never end in an answer, ``ANSWERS`` do. They stop when the client hangs up, or when ``over`` is set.
"""

import gzip
import io
import socket
import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Manners = Callable[[socket.socket, threading.Event], None]

OK = b"HTTP/1.1 200 OK\r\n"
EMPTY = OK + b"Content-Length: 0\r\n\r\n"
MEGABYTE = 1 << 20


def says(*parts: bytes) -> Manners:
    """These bytes, and then the end."""

    def manners(sock: socket.socket, _over: threading.Event) -> None:
        for part in parts:
            sock.sendall(part)

    return manners


def without_end(first: bytes, again: bytes, pause: float = 0.0) -> Manners:
    """``first``, and then the same for ever."""

    def manners(sock: socket.socket, over: threading.Event) -> None:
        sock.sendall(first)
        while not over.wait(pause) if pause else not over.is_set():
            sock.sendall(again)

    return manners


def _silence(_sock: socket.socket, over: threading.Event) -> None:
    over.wait()


def _reset(sock: socket.socket, _over: threading.Event) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _reset_in_the_middle(sock: socket.socket, over: threading.Event) -> None:
    sock.sendall(OK + b"Content-Length: 1000\r\n\r\nhalf")
    _reset(sock, over)


def _gzip_bomb() -> bytes:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9) as file:
        for _ in range(32):
            file.write(bytes(MEGABYTE))
    return packed.getvalue()


def _with_length(body: bytes, *headers: bytes) -> bytes:
    lines = [b"Content-Length: %d" % len(body), *headers]
    return OK + b"\r\n".join(lines) + b"\r\n\r\n" + body


CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
JSON = b"Content-Type: application/json"
REDIRECTS = (
    b"http://169.254.169.254/latest/meta-data/",
    b"http://127.0.0.1:{port}/again",
    b"http://[::1]/",
    b"//127.0.0.1:{port}/again",
    b"/again",
    b"file:///etc/passwd",
    b"gopher://127.0.0.1:6379/_FLUSHALL",
    b"javascript:alert(1)",
    b"http://127.0.0.1:{port}/\r\nX-Injected: yes",
    b"http://" + b"a" * 8000 + b"/",
)

BROKEN: Mapping[str, Manners] = {
    "silence": _silence,
    "reset": _reset,
    "reset in the middle of the body": _reset_in_the_middle,
    "end without a word": says(),
    "end in the middle of the status line": says(b"HTTP/1.1 2"),
    "end in the middle of the headers": says(OK + b"X-Half: a"),
    "end in the middle of the body": says(OK + b"Content-Length: 100\r\n\r\nhalf"),
    "end in the middle of a chunk": says(CHUNKED + b"64\r\nhalf"),
    "another protocol": says(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "a database": says(b"J\x00\x00\x00\x0a8.0.36\x00"),
    "noise": says(bytes(range(256)) * 16),
    "zeros": says(bytes(4096)),
    "HTTP/0.9": says(b"<html>hello</html>"),
    "HTTP/2 without being asked": says(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "a TLS alert on a plain port": says(b"\x15\x03\x01\x00\x02\x02\x28"),
    "a status that is a word": says(b"HTTP/1.1 OK 200\r\n\r\n"),
    "a status of four digits": says(b"HTTP/1.1 2000 OK\r\n\r\n"),
    "a negative status": says(b"HTTP/1.1 -20 OK\r\n\r\n"),
    "a status line of a megabyte": says(b"HTTP/1.1 200 " + b"k" * MEGABYTE + b"\r\n\r\n"),
    "a header of 70 KB": says(OK + b"X-Long: " + b"x" * 70_000 + b"\r\n\r\n"),
    "a header's name of 70 KB": says(OK + b"x" * 70_000 + b": long\r\n\r\n"),
    "a thousand headers": says(OK + b"".join(b"X-%d: y\r\n" % number for number in range(1000)) + b"\r\n"),
    "headers without end": without_end(OK, b"X-Again: and again\r\n"),
    "one header without end": without_end(OK + b"X-Long: ", b"x" * 8192),
    "headers, a byte at a time": without_end(OK + b"X-Long: ", b"x", 0.02),
    "a status line, a byte at a time": without_end(b"HTTP/1.1 200 ", b"O", 0.02),
    "a body, a byte at a time": without_end(OK + b"Content-Length: 100000\r\n\r\n", b"x", 0.02),
    "chunks, a byte at a time": without_end(CHUNKED, b"1\r\nx\r\n", 0.02),
    "go on, without end": without_end(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "go on, again and again": without_end(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.02),
    "a chunk's size of a megabyte": says(CHUNKED + b"0" * MEGABYTE + b"1\r\nx\r\n0\r\n\r\n"),
    "a chunk's size that is no number": says(CHUNKED + b"many\r\nx\r\n0\r\n\r\n"),
}

ANSWERS: Mapping[str, Manners] = {
    "a body without end": without_end(OK + b"\r\n", b"endless " * 8192),
    "chunks without end": without_end(CHUNKED, b"10000\r\n" + b"c" * 65536 + b"\r\n"),
    "a chunk of a terabyte": without_end(CHUNKED + b"10000000000\r\n", b"c" * 65536),
    "ten terabytes, promised": without_end(OK + b"Content-Length: 10000000000000\r\n\r\n", b"t" * 65536),
    "a bomb": says(_with_length(_gzip_bomb(), b"Content-Encoding: gzip", JSON)),
    "a bomb within a bomb": says(_with_length(gzip.compress(_gzip_bomb()), b"Content-Encoding: gzip, gzip")),
    "a deflate bomb": says(_with_length(zlib.compress(bytes(32 * MEGABYTE)), b"Content-Encoding: deflate", JSON)),
    "a bomb by transfer": says(
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n%x\r\n" % len(_gzip_bomb()) + _gzip_bomb() + b"\r\n0\r\n\r\n"
    ),
    "a coding that nobody knows": says(_with_length(b"hello", b"Content-Encoding: x-rot13")),
    "JSON, nested a hundred thousand deep": says(_with_length(b"[" * 60_000 + b"]" * 5_000, JSON)),
    "a number of fifty thousand digits": says(_with_length(b"9" * 50_000, JSON)),
    "infinity": says(_with_length(b'{"a": 1e400, "b": NaN}', JSON)),
    "a NUL within JSON": says(_with_length(b'{"a": "\\u0000"}', JSON)),
    "half a surrogate within JSON": says(_with_length(b'{"a": "\\ud800"}', JSON)),
    "text that is not UTF-8": says(_with_length(b"\xff\xfe\x00\x80", b"Content-Type: text/plain")),
    "a charset that is a codec": says(_with_length(b"eJw=", b"Content-Type: text/plain; charset=zip")),
    "a length that is a word": says(OK + b"Content-Length: many\r\n\r\nhello"),
    "a negative length": says(OK + b"Content-Length: -1\r\n\r\nhello"),
    "two lengths": says(OK + b"Content-Length: 5\r\nContent-Length: 500\r\n\r\nhello"),
    "a length and chunks": says(CHUNKED[:-2] + b"Content-Length: 3\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    "a NUL in a header": says(OK + b"X-Nul: a\x00b\r\nContent-Length: 0\r\n\r\n"),
    "a folded header": says(OK + b"X-Folded: a\r\n b\r\nContent-Length: 0\r\n\r\n"),
    "a header without a name": says(OK + b": empty\r\nContent-Length: 0\r\n\r\n"),
    "bare line feeds": says(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi"),
    "a second answer that nobody asked for": says(EMPTY + OK + b"Content-Length: 5\r\n\r\nbogus"),
    "ninety cookies": says(
        OK + b"".join(b"Set-Cookie: a%d=b\r\n" % number for number in range(90)) + b"Content-Length: 0\r\n\r\n"
    ),
    "another protocol, agreed upon": says(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x05hello"
    ),
    "a body where none may be": says(b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello"),
    "a status nobody has heard of": says(b"HTTP/1.1 799 Why Not\r\nContent-Length: 0\r\n\r\n"),
    "a wait of a century": says(b"HTTP/1.1 503 Busy\r\nRetry-After: 3155760000\r\nContent-Length: 0\r\n\r\n"),
    "a wait that is no number": says(b"HTTP/1.1 503 Busy\r\nRetry-After: 1e999\r\nContent-Length: 0\r\n\r\n"),
}


@dataclass
class Hostile:
    """A server on a free loopback port: how many connections it took, and the first line of each request."""

    port: int
    connections: int = 0
    requests: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"


def redirecting(location: bytes) -> Manners:
    """Sends elsewhere; ``{port}`` is the server's own."""

    def manners(sock: socket.socket, _over: threading.Event) -> None:
        there = location.replace(b"{port}", b"%d" % sock.getsockname()[1])
        sock.sendall(b"HTTP/1.1 307 Elsewhere\r\nLocation: " + there + b"\r\nContent-Length: 0\r\n\r\n")

    return manners


@contextmanager
def behaving(manners: Manners) -> Iterator[Hostile]:
    """A server that treats every connection like this while the block runs."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Hostile(listener.getsockname()[1])
        thread = threading.Thread(target=_serve, args=(listener, manners, server, over), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def _serve(listener: socket.socket, manners: Manners, server: Hostile, over: threading.Event) -> None:
    while not over.is_set():
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        server.connections += 1
        with sock, suppress(OSError):
            sock.settimeout(10)
            server.requests.append(sock.recv(65536).partition(b"\r\n")[0].decode("latin-1"))
            manners(sock, over)
