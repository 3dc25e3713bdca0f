"""Asking a URL for the text of a calendar, under the guards that every request has."""

import re
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus

from shared.errors import Invalid
from shared.exclusions import MAX_FEED
from shared.feed import Feed
from shared.runners import RunContext
from shared.runners.http_client import HttpClient, RequestFailed, Response
from shared.runners.redirects import MOST_REDIRECTS, follow
from shared.runners.request import Request

# For everything: name servers, connections, redirects and the text itself.
FETCH_SECONDS = 10.0
# What is longer, or has anything else in it, is sent back to nobody.
_VALIDATOR = re.compile(r"[\x20-\x7e]{1,200}")


class FetchFailed(Exception):  # noqa: N818 - the message is the sentence
    """There is no text; the message says why, to go on from "the URL"."""


def fetch(client: HttpClient, url: str, known: Feed | None, deadline: float) -> Feed:
    """What the URL says; ``known`` itself if that has not changed.

    ``deadline`` is an instant of ``time.monotonic()``. Raises ``FetchFailed``.
    """
    request = asking(url, known)
    try:
        response = follow(client, request, RunContext(deadline, "cronny-calendar", 0, 1), MOST_REDIRECTS)
    except RequestFailed as error:
        raise FetchFailed(f"cannot be fetched: {error}") from error
    if known is not None and response.status == HTTPStatus.NOT_MODIFIED:
        return known
    return _read(response)


def asking(url: str, known: Feed | None = None) -> Request:
    """The request; raises ``FetchFailed`` when there can be none."""
    try:
        return replace(Request.to(url, headers=_headers(known)), reads=MAX_FEED)
    except Invalid as error:
        raise FetchFailed(f"cannot be used: {error.faults[0].message}") from error


def _headers(known: Feed | None) -> dict[str, str]:
    asked = {"Accept": "text/calendar, */*;q=0.5"}
    if known is not None and known.etag:
        asked["If-None-Match"] = known.etag
    if known is not None and known.modified:
        asked["If-Modified-Since"] = known.modified
    return asked


def _read(response: Response) -> Feed:
    if response.status != HTTPStatus.OK:
        raise FetchFailed(f"cannot be fetched: it answers HTTP {response.status}, expected 200")
    if response.truncated:
        raise FetchFailed(f"cannot be read: it says more than {MAX_FEED // 1024} KB, which are the most")
    # RFC 5545 3.1.4: UTF-8 unless told otherwise, which nobody does. No text has a NUL.
    text = response.body.decode("utf-8-sig", "replace").replace("\x00", "\ufffd")
    if not text.strip():
        raise FetchFailed("cannot be read: it says nothing, where an iCalendar text should be")
    return Feed(text, _validator(response.headers, "etag"), _validator(response.headers, "last-modified"))


def _validator(headers: Mapping[str, str], name: str) -> str | None:
    value = headers.get(name, "")
    return value if _VALIDATOR.fullmatch(value) else None
