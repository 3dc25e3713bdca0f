"""What a route says of itself, so that the OpenAPI document can be made of the table of routes.

One of the functions below stands beside each route, as ``says=reads("One action.", "action", ActionJson)``. What the
route's declaration says already (path, methods, scope, errors that every route has) is not said again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from chalicelib.wire.drafts import Wire

# The names of an object's fields, and their types: those that pydantic knows, such as a ``TypedDict``.
Shape = Mapping[str, Any]

MESSAGE: Shape = {"message": str}


@dataclass(frozen=True, slots=True)
class Says:
    """A sentence, what is sent and what is answered.

    ``answers``: what each status comes with, a shape, a ``TypedDict`` or, for text, its media type. ``takes`` is the
    body, of which ``complete`` ones have all that the model requires; ``picks`` are the filters that a body may have
    under ``filter``. ``asks`` is the query, ``paged`` that of lists. ``makes`` is the name of what a 201 has in it,
    which has a place of its own. ``guarded`` routes know If-Match, public ones
    that are ``cached`` If-None-Match; ``cookies`` may be set by the answer. ``refuses``: errors that routes of its kind
    do not have.
    """

    summary: str
    answers: Mapping[HTTPStatus, Shape | type | str]
    takes: type[Wire] | None = None
    complete: bool = False
    picks: type[Wire] | None = None
    asks: tuple[type[Wire], ...] = ()
    makes: str = ""
    paged: bool = False
    guarded: bool = False
    cached: bool = False
    cookies: bool = False
    refuses: frozenset[HTTPStatus] = field(default_factory=frozenset)


def creates(summary: str, takes: type[Wire], makes: str, shape: Any, **also: Any) -> Says:
    """A POST that makes a thing; ``also`` are what else the answer has, beside the message."""
    answer = {makes: shape, **also, **MESSAGE}
    return Says(summary, {HTTPStatus.CREATED: answer}, takes, complete=True, makes=makes)


def reads(summary: str, name: str, shape: Any, asks: type[Wire] | None = None) -> Says:
    """A GET of one thing; ``asks`` is its query."""
    return Says(summary, {HTTPStatus.OK: {name: shape}}, asks=(asks,) if asks else ())


def lists(summary: str, name: str, shape: Any, filters: type[Wire] | None = None, *, paged: bool = True) -> Says:
    """A GET of many things; those that are not ``paged`` come at once."""
    answer = {name: list[shape], "next_cursor": str | None}
    return Says(summary, {HTTPStatus.OK: answer}, asks=(filters,) if filters else (), paged=paged)


def changes(summary: str, takes: type[Wire], name: str, shape: Any) -> Says:
    """A PUT or PATCH."""
    return Says(summary, {HTTPStatus.OK: {name: shape, **MESSAGE}}, takes, guarded=True)


def deletes(summary: str) -> Says:
    """A DELETE of one thing."""
    return Says(summary, {HTTPStatus.OK: MESSAGE}, guarded=True)


def does(
    summary: str,
    answer: Shape | type,
    takes: type[Wire] | None = None,
    *,
    status: HTTPStatus = HTTPStatus.OK,
    complete: bool = False,
    picks: type[Wire] | None = None,
    guarded: bool = False,
    cookies: bool = False,
    refuses: tuple[HTTPStatus, ...] = (),
) -> Says:
    """Anything else; a shape gets a message, a ``TypedDict`` is the whole answer."""
    whole = answer if isinstance(answer, type) else {**answer, **MESSAGE}
    return Says(
        summary,
        {status: whole},
        takes,
        complete=complete,
        picks=picks,
        guarded=guarded,
        cookies=cookies,
        refuses=frozenset(refuses),
    )


def serves(summary: str, media_type: str, refuses: tuple[HTTPStatus, ...] = (), *, cached: bool = False) -> Says:
    """A GET of text."""
    return Says(summary, {HTTPStatus.OK: media_type}, cached=cached, refuses=frozenset(refuses))
