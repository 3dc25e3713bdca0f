"""How views are declared: as a list of routes that a Blueprint is made of, once for each application."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chalice import Blueprint

from chalicelib.answer import Answer
from chalicelib.call import Call, current
from chalicelib.problems import problem
from shared.errors import NotFound
from shared.identity import Caller, Scope
from shared.user import UserId

# Called with the call, the caller's id (the whole ``Caller`` where the scope is ``ACCOUNT``, nothing where the route is
# public), and what stands in the path: ids, and words.
View = Callable[..., Answer]

MAX_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Route:
    """Where a view answers. ``public`` ones need no token; ``words`` in the path are no ids.

    ``scope``: what an API key needs; None for that of the method, reading or writing.
    """

    path: str
    methods: tuple[str, ...]
    view: View
    public: bool
    words: tuple[str, ...]
    scope: Scope | None

    def scope_of(self, method: str) -> Scope:
        """What a caller needs for this method."""
        return self.scope or (Scope.READ if method == "GET" else Scope.WRITE)


class Routes:
    """The routes of one resource. Chalice's own Blueprint forgets its methods once it was registered."""

    def __init__(self, name: str, prefix: str = "/api/cronny/v1") -> None:
        self.name = name
        self.prefix = prefix
        self.routes: list[Route] = []

    def __call__(
        self,
        methods: str,
        path: str,
        *,
        public: bool = False,
        words: tuple[str, ...] = (),
        scope: Scope | None = None,
    ) -> Callable[[View], View]:
        """Declares the decorated view; ``methods`` as in ``"PUT PATCH"``."""

        def declare(view: View) -> View:
            self.routes.append(Route(path, tuple(methods.split()), view, public, words, scope))
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
    """The view as Chalice calls it. The one place where errors become answers."""

    def answer(**path: str) -> Any:
        call = current()
        try:
            caller = () if route.public else (_whom(route, call),)
            named = {key: text if key in route.words else _id(text) for key, text in path.items()}
            return route.view(call, *caller, **named).response()
        # Whatever it is, the caller gets a problem that tells nothing of the inside, and the log gets the rest.
        except Exception as error:
            return problem(error, call.trace_id).response()

    answer.__name__ = name
    return answer


def _whom(route: Route, call: Call) -> Caller | UserId:
    """The caller as a view wants them: whole where it is about their account, else their id."""
    caller = call.caller(route.scope_of(call.request.method))
    return caller if route.scope is Scope.ACCOUNT else caller.user_id


def _id(text: str) -> int:
    """What is no id cannot be the id of anything."""
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(MAX_ID)) or not 0 < int(text) <= MAX_ID:
        raise NotFound("There is nothing of that id.")
    return int(text)
