"""One HTTP call, as views see it."""

import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from chalicelib.bodies import read_object
from chalicelib.limits import Limits, Standing
from chalicelib.stopwatch import Stopwatch
from shared.errors import NotSignedIn
from shared.identity import Caller, Scope
from shared.job import JsonObject
from shared.manage.sessions import identify
from shared.services import Services

Provide = Callable[[], Services]

# Chalice keeps the current request on the application object, where threads would find each other's.
_current: ContextVar["Call"] = ContextVar("call")


@dataclass(frozen=True, slots=True)
class Call:
    """Chalice's request, and the services, which are built when a view first asks for them.

    ``standings``: where the caller stands with each limit that counted this call.
    """

    request: Any
    provide: Provide
    limits: Limits
    standings: list[Standing] = field(default_factory=list)

    @property
    def services(self) -> Services:
        """What verbs work with."""
        return self.provide()

    @property
    def trace_id(self) -> str:
        """Joins an answer to its lines in the log."""
        return str(self.request.context.get("traceId") or uuid4().hex)

    @property
    def query(self) -> JsonObject:
        """The query's parameters; of one that is repeated, the last."""
        given = self.request.query_params
        return {name: given.getlist(name)[-1] for name in given} if given else {}

    def body(self) -> JsonObject:
        """The body's JSON object, empty for an empty body. Raises ``BadRequest``, ``TooLarge``, ``Invalid``."""
        return read_object(self.request.raw_body)

    def using(self, services: Services) -> "Call":
        """The same call, with these services."""
        return replace(self, provide=lambda: services)

    @property
    def address(self) -> str:
        """Where the request comes from, as the gateway says; empty when it does not."""
        return str(self.request.context.get("address") or "")

    def header(self, name: str) -> str:
        """A header, empty when it was not sent; ``name`` in lower case."""
        return str(self.request.headers.get(name) or "")

    def bearer(self) -> str:
        """The credentials that came with the request, or nothing."""
        scheme, _, credentials = self.header("authorization").partition(" ")
        return credentials.strip() if scheme.lower() == "bearer" else ""

    def caller(self, scope: Scope) -> Caller:
        """Who calls; raises ``NotSignedIn``, ``TooMany``, and ``Forbidden`` for an API key without that scope."""
        credentials = self.bearer()
        if not credentials:
            raise NotSignedIn("Log in, and send the token as 'Authorization: Bearer <token>'.")
        self.limits.check_credentials(credentials, self.standings)
        caller = identify(self.services, credentials, scope)
        self.limits.count_user(self.services, caller.user_id, credentials, caller.rate, self.standings)
        return caller

    def count_address(self, *, signs_in: bool) -> None:
        """Count this call for where it comes from, before anything is looked at; raises ``TooMany``."""
        self.limits.count_address(self.services, self.address, self.standings, signs_in=signs_in)


def current() -> Call:
    """The call that this thread is answering."""
    return _current.get()


def middleware(provide: Provide, stopwatch: Stopwatch, limits: Limits) -> Callable[[Any, Callable[[Any], Any]], Any]:
    """Chalice middleware that makes ``current`` answer for the request at hand, and takes the time."""

    def remember(request: Any, get_response: Callable[[Any], Any]) -> Any:
        used: list[Services] = []

        def provided() -> Services:
            used[:] = [provide()]
            return used[0]

        began = time.monotonic()
        token = _current.set(Call(request, provided, limits))
        try:
            response = get_response(request)
        finally:
            _current.reset(token)
        asked, status = request.context, response.status_code
        stopwatch.note(asked["httpMethod"], asked["resourcePath"], status, time.monotonic() - began)
        if used and status < HTTPStatus.BAD_REQUEST:
            stopwatch.flush_when_due(used[0])
        return response

    return remember
