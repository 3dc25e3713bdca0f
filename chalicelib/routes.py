"""How views are declared: as a list of routes that a Blueprint is made of, once for each application."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from chalice import Blueprint

from chalicelib.answer import Answer
from chalicelib.call import Call, current
from chalicelib.limits import headers
from chalicelib.once import answered_once
from chalicelib.problems import problem
from chalicelib.says import Says
from chalicelib.tags import revalidated
from shared.errors import NotFound
from shared.identity import Scope

# Called with the call, the caller's id (the whole ``Caller`` where the scope is ``ACCOUNT``, nothing where the route is
# public), and what stands in the path: ids, and words.
View = Callable[..., Answer]

MAX_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Route:
    """Where a view answers. ``public`` ones need no token; ``words`` in the path are no ids.

    ``scope``: what an API key needs; None for that of the method, reading or writing.

    A POST that comes with an Idempotency-Key works and keeps its answer in one transaction, unless it works
    ``in_parts``: in several, or for longer than a transaction may be idle, and such that doing it again does no harm.
    Without ``keeps_answer`` the answer is not kept, because it has a secret that is shown once.
    Calls of ``limited`` routes are counted, for the stricter limit, too, where somebody ``signs_in`` or up.

    ``says``: what the OpenAPI document says of it; a test fails for a route without it. ``resource`` is whose it is.
    """

    resource: "Routes"
    path: str
    methods: tuple[str, ...]
    view: View
    public: bool
    words: tuple[str, ...]
    scope: Scope | None
    in_parts: bool
    keeps_answer: bool
    signs_in: bool = False
    limited: bool = True
    says: Says | None = None

    def scope_of(self, method: str) -> Scope:
        """What a caller needs for this method."""
        return self.scope or (Scope.READ if method == "GET" else Scope.WRITE)


class Routes:
    """The routes of one resource. Chalice's own Blueprint forgets its methods once it was registered."""

    def __init__(self, name: str, prefix: str = "/api/cronny/v1", *, limited: bool = True) -> None:
        self.name = name
        self.prefix = prefix
        self.limited = limited
        self.routes: list[Route] = []

    def __call__(
        self,
        methods: str,
        path: str,
        *,
        public: bool = False,
        words: tuple[str, ...] = (),
        scope: Scope | None = None,
        in_parts: bool = False,
        keeps_answer: bool = True,
        signs_in: bool = False,
        says: Says | None = None,
    ) -> Callable[[View], View]:
        """Declares the decorated view; ``methods`` as in ``"PUT PATCH"``."""

        def declare(view: View) -> View:
            kinds = (public, words, scope, in_parts, keeps_answer, signs_in, self.limited, says)
            self.routes.append(Route(self, path, tuple(methods.split()), view, *kinds))
            return view

        return declare

    def blueprint(self) -> Any:
        """A fresh Blueprint of these routes."""
        blueprint = Blueprint(f"{__name__}.{self.name}")
        for route in self.routes:
            name = f"{self.name}_{route.view.__name__}"
            # Bodies are read as JSON whatever their label says: curl -d calls them a form.
            register = blueprint.route(route.path, methods=list(route.methods), content_types=[], name=name)
            register(_answering(route, name))
        return blueprint


def _answering(route: Route, name: str) -> Callable[..., Any]:
    """The view as Chalice calls it."""

    def answer(**path: str) -> Any:
        call = current()
        answer = _told(call, lambda call: _answer(route, call, path))
        return replace(answer, headers={**answer.headers, **headers(call.standings)}).response()

    answer.__name__ = name
    return answer


def _answer(route: Route, call: Call, path: Mapping[str, str]) -> Answer:
    if route.limited:
        call.count_address(signs_in=route.signs_in)
    if route.public:
        return route.view(call, **_named(route, path))
    caller = call.caller(route.scope_of(call.request.method))
    call = call.using(call.services.of(caller.user_id))
    # A view gets the caller whole where it is about their account, else their id.
    whom = caller if route.scope is Scope.ACCOUNT else caller.user_id

    def attempt(call: Call) -> Answer:
        return _told(call, lambda call: _located(route, route.view(call, whom, **_named(route, path))))

    answer = answered_once(call, caller.user_id, attempt, in_parts=route.in_parts, keeps_answer=route.keeps_answer)
    return revalidated(call, answer)


def _located(route: Route, answer: Answer) -> Answer:
    """A new thing says where it can be read."""
    makes = route.says.makes if route.says else ""
    if not makes or answer.status is not HTTPStatus.CREATED or isinstance(answer.body, str):
        return answer
    place = f"{route.resource.prefix}{route.path}/{answer.body[makes]['id']}"
    return replace(answer, headers={**answer.headers, "Location": place})


def _told(call: Call, view: Callable[[Call], Answer]) -> Answer:
    """What the view answers. The one place where errors become answers."""
    try:
        return view(call)
    # Whatever it is, the caller gets a problem that tells nothing of the inside, and the log gets the rest.
    except Exception as error:
        return problem(error, call.trace_id)


def _named(route: Route, path: Mapping[str, str]) -> dict[str, int | str]:
    return {key: text if key in route.words else _id(text) for key, text in path.items()}


def _id(text: str) -> int:
    """What is no id cannot be the id of anything."""
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(MAX_ID)) or not 0 < int(text) <= MAX_ID:
        raise NotFound("There is nothing of that id.")
    return int(text)
