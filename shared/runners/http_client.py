"""The one way in which anything leaves Cronny: a guarded HTTP client.

For each request: look the host up, judge every address, connect to a judged one (SNI and Host keep the name), judge the
peer, send, read as much as the request says (64 KiB for jobs), all before one deadline. Redirects are answers like any
other, proxies of the environment do not exist, nothing is decompressed.
"""

import http.client
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from urllib3.exceptions import HTTPError
from urllib3.response import HTTPResponse

from shared import VERSION, tracing
from shared.outcome import FailureKind, Outcome
from shared.runners import RunContext
from shared.runners.connection import PlainConnection, TlsConnection
from shared.runners.dialling import Dialler, HostNotFound, Timings
from shared.runners.failure import sentence
from shared.runners.network_guard import IpNetwork, NetworkGuard, Refused
from shared.runners.pool import ConnectionPool
from shared.runners.request import MAX_BODY_BYTES, Request, Target

__all__ = ["MAX_BODY_BYTES", "HttpClient", "RequestFailed", "Response", "guarded_client"]


class RequestFailed(Exception):  # noqa: N818 - the message is the sentence
    """No answer came, or none that could be read. The message is a sentence for the target's owner."""

    def __init__(self, message: str, kind: FailureKind) -> None:
        self.kind = kind
        super().__init__(message)

    def outcome(self) -> Outcome:
        """What it means for the job."""
        return Outcome.failed(str(self), kind=self.kind)


@dataclass(frozen=True, slots=True)
class Response:
    """What came back: header names in lower case, repeated ones joined by commas; the body as far as it was read."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool
    timings: Timings


@dataclass
class HttpClient:
    """Sends requests; safe to share between threads. Tests bring their own ``tls`` context."""

    dialler: Dialler
    tls: ssl.SSLContext | None = None
    pool: ConnectionPool = field(default_factory=ConnectionPool)

    def send(self, request: Request, context: RunContext) -> Response:
        """The answer to one request. Raises ``RequestFailed``."""
        headers = _headers(request, context)
        started = time.monotonic()
        used: list[PlainConnection] = []
        try:
            return self._exchange(request, headers, context, used)
        except Refused as error:
            raise RequestFailed(str(error), _kind(used, FailureKind.REFUSED)) from error
        except HostNotFound as error:
            raise RequestFailed(str(error), _kind(used)) from error
        except (OSError, HTTPError, http.client.HTTPException) as error:
            told = sentence(error, str(request.target), started, context.deadline)
            raise RequestFailed(told, _kind(used)) from error

    def _exchange(
        self, request: Request, headers: Mapping[str, str], context: RunContext, used: list[PlainConnection]
    ) -> Response:
        """``used`` gets the connections over which it was tried."""
        # What must not be said twice is said on a connection that the target cannot have closed meanwhile.
        kept = None if context.once else self.pool.take(request.target)
        if kept is not None:
            used.append(kept)
            try:
                return self._over(kept, request, headers, context.deadline)
            except ConnectionError:
                # The target hung up on an idle connection just as we spoke. RFC 9110 9.2.2 allows to say it again
                # where repeating is harmless; the Idempotency-Key is what makes it so.
                if kept.first_byte_seconds is not None:
                    raise
        used.append(self._open(request.target))
        return self._over(used[-1], request, headers, context.deadline)

    def _over(
        self, connection: PlainConnection, request: Request, headers: Mapping[str, str], deadline: float
    ) -> Response:
        started = time.monotonic()
        timings = connection.begin(deadline)
        try:
            answer = _ask(connection, request, headers)
            body = _read(answer, request.reads)
        except BaseException:
            connection.close()
            raise
        timings.first_byte = connection.first_byte_seconds or 0.0
        timings.total = time.monotonic() - started
        truncated = len(body) > request.reads
        # http.client has hung up by itself when the answer said so.
        if truncated or connection.sock is None:
            connection.close()
        else:
            self.pool.give(request.target, connection)
        return Response(answer.status, _joined(answer), body[: request.reads], truncated, timings)

    def _open(self, target: Target) -> PlainConnection:
        if target.scheme == "https":
            return TlsConnection(target.host, target.port, self.dialler, self._tls)
        return PlainConnection(target.host, target.port, self.dialler)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        # Reading the certificates takes tens of milliseconds: once, and only when somebody uses https.
        return self.tls or ssl.create_default_context()


def guarded_client(allowed: Sequence[IpNetwork], tls: ssl.SSLContext | None = None) -> HttpClient:
    """A client that calls the public internet and these networks."""
    return HttpClient(Dialler(NetworkGuard(tuple(allowed))), tls)


def _kind(used: Sequence[PlainConnection], unsent: FailureKind = FailureKind.UNREACHABLE) -> FailureKind:
    """``unsent`` unless a part of the request went out on any of the connections."""
    return FailureKind.NO_ANSWER if any(connection.wrote for connection in used) else unsent


def _headers(request: Request, context: RunContext) -> dict[str, str]:
    users = {name: value for name, value in request.headers.items() if name.lower() != "accept-encoding"}
    if not any(name.lower() == "user-agent" for name in users):
        users["User-Agent"] = f"Cronny/{VERSION}"
    # Whoever sends a header of their own has traces of their own.
    if context.trace_id and not any(name.lower() == tracing.HEADER for name in users):
        users[tracing.HEADER] = tracing.traceparent(context.trace_id)
    own = {
        "Accept-Encoding": "identity",
        "Idempotency-Key": context.idempotency_key,
        "X-Cronny-Trigger": str(context.trigger_id),
        "X-Cronny-Attempt": str(context.attempt),
    }
    # http.client writes text as Latin-1; told this way, the bytes on the wire are UTF-8.
    return {name: value.encode("utf-8", "replace").decode("latin-1") for name, value in (users | own).items()}


def _ask(connection: PlainConnection, request: Request, headers: Mapping[str, str]) -> HTTPResponse:
    try:
        connection.request(
            request.method, request.path, request.body, headers, preload_content=False, decode_content=False
        )
    except BrokenPipeError:
        # Some answer before they have read everything, then close; what they said is worth reading.
        if connection.sock is None:
            raise
    answer = connection.getresponse()
    # http.client takes the end of the connection for the end of the headers. Whoever means it ends them with a line.
    if connection.ended:
        raise http.client.IncompleteRead(b"")
    return answer


def _read(answer: HTTPResponse, most: int) -> bytes:
    """So many bytes, and one more if there are more."""
    body = bytearray()
    while len(body) <= most and (part := answer.read(most + 1 - len(body), decode_content=False)):
        body += part
    return bytes(body)


def _joined(answer: HTTPResponse) -> dict[str, str]:
    return {name.lower(): ", ".join(answer.headers.getlist(name)) for name in answer.headers}
