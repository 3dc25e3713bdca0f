"""One HTTP call, as views see it."""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from chalicelib.bodies import read_object
from shared import tokens
from shared.errors import NotSignedIn
from shared.job import JsonObject
from shared.services import Services
from shared.user import UserId

Provide = Callable[[], Services]

# Chalice keeps the current request on the application object, where threads would find each other's.
_current: ContextVar["Call"] = ContextVar("call")


@dataclass(frozen=True, slots=True)
class Call:
    """Chalice's request, and the services, which are built when a view first asks for them."""

    request: Any
    provide: Provide

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

    def user_id(self) -> UserId:
        """Who calls; raises ``NotSignedIn``."""
        scheme, _, token = self.request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise NotSignedIn("Log in, and send the token as 'Authorization: Bearer <token>'.")
        services = self.services
        return tokens.bearer(token.strip(), services.settings.jwt_secret, services.clock.real_now())


def current() -> Call:
    """The call that this thread is answering."""
    return _current.get()


def middleware(provide: Provide) -> Callable[[Any, Callable[[Any], Any]], Any]:
    """Chalice middleware that makes ``current`` answer for the request at hand."""

    def remember(request: Any, get_response: Callable[[Any], Any]) -> Any:
        token = _current.set(Call(request, provide))
        try:
            return get_response(request)
        finally:
            _current.reset(token)

    return remember
