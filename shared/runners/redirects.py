"""Redirects, for those who ask for them: at most three, each judged like a request of its own, within one deadline.

What is followed and how is RFC 9110 15.4: 303 asks with GET, 301 and 302 turn a POST into a GET, 307 and 308 repeat the
request. To another origin go no credentials: of the user's headers only those that cannot be any, and no body.
"""

from dataclasses import replace
from urllib.parse import urljoin

from shared.errors import Invalid
from shared.runners import RunContext
from shared.runners.http_client import HttpClient, Response
from shared.runners.request import Request, locate

MOST_REDIRECTS = 3

_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_OF_THE_BODY = frozenset(("content-type", "content-encoding", "content-language", "webhook-signature"))
_HARMLESS = frozenset(("accept", "accept-language", "content-type", "user-agent"))


def follow(client: HttpClient, request: Request, context: RunContext, most: int) -> Response:
    """The answer to a request, after so many redirects at most; what cannot be followed is the answer.

    Raises ``RequestFailed`` as ``HttpClient.send`` does.
    """
    response = client.send(request, context)
    for _ in range(most):
        onward = _onward(request, response)
        if onward is None:
            break
        request = onward
        response = client.send(request, context)
    return response


def _onward(request: Request, response: Response) -> Request | None:
    location = response.headers.get("location")
    if response.status not in _REDIRECTS or not location:
        return None
    try:
        # http.client reads headers as Latin-1, and what they hold of UTF-8 is nobody's URL.
        target, path = locate(urljoin(f"{request.target.scheme}://{request.target}{request.path}", location))
    except (Invalid, ValueError):
        return None
    again = _without_body(request) if _asks_with_get(request.method, response.status) else request
    if target == request.target:
        return replace(again, path=path)
    if again.body is not None:
        return None
    harmless = {name: value for name, value in again.headers.items() if name.lower() in _HARMLESS}
    return replace(again, target=target, path=path, headers=harmless)


def _asks_with_get(method: str, status: int) -> bool:
    return (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST")


def _without_body(request: Request) -> Request:
    headers = {name: value for name, value in request.headers.items() if name.lower() not in _OF_THE_BODY}
    return replace(request, method="GET", body=None, headers=headers)
