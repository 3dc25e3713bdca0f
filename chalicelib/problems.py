"""Errors as RFC 9457 problem details. Callers read what was written for callers: no stack, no SQL, no driver text."""

import logging
import math
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.answer import Answer
from shared.errors import (
    Busy,
    Conflict,
    Fault,
    Forbidden,
    Invalid,
    NotFound,
    NotSignedIn,
    OverQuota,
    TooMany,
    Unavailable,
)

log = logging.getLogger("cronny.api")

CONTENT_TYPE = "application/problem+json"
# A small body may have very many faults, and must not be answered by a very large one.
MAX_FAULTS, MAX_FIELD, MAX_MESSAGE = 100, 200, 1000


class FaultJson(TypedDict):
    """One thing that is wrong."""

    field: Annotated[str, Field(description="The field, as in jobs[1].condition; or the name of a header.")]
    message: Annotated[str, Field(description="What is wrong with it, and what to do.")]


class ProblemJson(TypedDict):
    """Why it was not done (RFC 9457)."""

    type: Annotated[str, Field(description="What kind of problem it is.", pattern="^urn:cronny:problem:[a-z-]+$")]
    title: Annotated[str, Field(description="The status in words.")]
    status: Annotated[int, Field(description="The status.", ge=400, le=599)]
    detail: Annotated[str, Field(description="What is wrong, for people.")]
    message: Annotated[str, Field(description="The same, for clients of the original API.")]
    errors: Annotated[list[FaultJson], Field(description="All that is wrong with the request, by field.")]
    trace_id: Annotated[str, Field(description="Names the request in Cronny's log.")]


class BadRequest(Exception):  # noqa: N818 - reads as `raise BadRequest(...)`
    """The request cannot be read at all."""


class TooLarge(Exception):  # noqa: N818
    """The body is larger than any resource needs."""


class MethodNotAllowed(Exception):  # noqa: N818
    """The path exists, for other methods."""

    def __init__(self, method: str, allowed: list[str]) -> None:
        methods = ", ".join(sorted(allowed))
        self.headers = {"Allow": methods}
        super().__init__(f"{method} is not possible here; allowed: {methods}.")


class Stale(Exception):  # noqa: N818
    """The caller has seen another state of this than ``tag``; None for what has no state that could be seen."""

    def __init__(self, tag: str | None) -> None:
        self.headers = {"ETag": tag} if tag else {}
        changed = "It was changed since you read it: read it again, and send the ETag that comes with it as If-Match."
        super().__init__(changed if tag else "This has no ETag of its own; leave If-Match out, or send '*'.")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem: its status, the last part of its ``type``, and headers that go with all or some of them."""

    status: HTTPStatus
    name: str
    headers: dict[str, str] = field(default_factory=dict)
    sometimes: tuple[str, ...] = ()


_KINDS: dict[type[Exception], Kind] = {
    BadRequest: Kind(HTTPStatus.BAD_REQUEST, "bad-request"),
    NotSignedIn: Kind(HTTPStatus.UNAUTHORIZED, "not-signed-in", {"WWW-Authenticate": 'Bearer realm="cronny"'}),
    Forbidden: Kind(HTTPStatus.FORBIDDEN, "forbidden"),
    NotFound: Kind(HTTPStatus.NOT_FOUND, "not-found"),
    MethodNotAllowed: Kind(HTTPStatus.METHOD_NOT_ALLOWED, "method-not-allowed"),
    Busy: Kind(HTTPStatus.CONFLICT, "busy", {"Retry-After": "1"}),
    OverQuota: Kind(HTTPStatus.CONFLICT, "over-quota"),
    Conflict: Kind(HTTPStatus.CONFLICT, "conflict"),
    Stale: Kind(HTTPStatus.PRECONDITION_FAILED, "stale", sometimes=("ETag",)),
    TooLarge: Kind(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large"),
    TooMany: Kind(HTTPStatus.TOO_MANY_REQUESTS, "too-many-requests", {"Retry-After": "1"}),
    Invalid: Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid"),
    Unavailable: Kind(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", {"Retry-After": "2"}),
}
_UNEXPECTED = Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "internal-error")

# For the OpenAPI document: by status what causes it, in words, and its kinds.
STATUSES: dict[HTTPStatus, list[tuple[str, Kind]]] = {_UNEXPECTED.status: [("A fault of ours.", _UNEXPECTED)]}
for _cause, _kind in _KINDS.items():
    STATUSES.setdefault(_kind.status, []).append((_cause.__doc__ or "", _kind))


def problem(error: Exception, trace_id: str) -> Answer:
    """The answer for an error; one that nobody expected is logged with its stack and answered without it."""
    kind = next((kind for cause, kind in _KINDS.items() if isinstance(error, cause)), _UNEXPECTED)
    headers = {**kind.headers, "Content-Type": CONTENT_TYPE}
    if kind is _UNEXPECTED:
        log.error("unexpected error", exc_info=error, extra={"trace_id": trace_id})
        detail = "Something went wrong on our side; it has been recorded under this trace_id."
    else:
        detail = _joined(_faults(error)) or str(error)
    if isinstance(error, MethodNotAllowed | Stale):
        headers |= error.headers
    if isinstance(error, TooMany):
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    return Answer(_body(kind, detail, _faults(error), trace_id), kind.status, headers)


def _body(kind: Kind, detail: str, faults: tuple[Fault, ...], trace_id: str) -> ProblemJson:
    return {
        "type": f"urn:cronny:problem:{kind.name}",
        "title": kind.status.phrase,
        "status": kind.status.value,
        "detail": detail,
        # What clients of the original API look for.
        "message": detail,
        "errors": [{"field": fault.field, "message": fault.message} for fault in faults],
        "trace_id": trace_id,
    }


def _faults(error: Exception) -> tuple[Fault, ...]:
    """The first faults of an error, and how many there are beyond them."""
    if not isinstance(error, Invalid | OverQuota):
        return ()
    told = [Fault(fault.field[:MAX_FIELD], fault.message[:MAX_MESSAGE]) for fault in error.faults[:MAX_FAULTS]]
    beyond = len(error.faults) - len(told)
    return (*told, Fault("errors", f"are {beyond:,} more than these")) if beyond else tuple(told)


def _joined(faults: tuple[Fault, ...]) -> str:
    return "; ".join(f"{fault.field}: {fault.message}" for fault in faults)
