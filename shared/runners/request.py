"""Requests as a user may make them: checked when they are made, so that the client can send them as they are."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from shared.errors import Invalid

MAX_URL_CHARACTERS = 8192
# What a job gets of an answer.
MAX_BODY_BYTES = 64 * 1024

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_NOT_IN_URL = re.compile(r"[\x00-\x20\x7f]")
_PORTS = {"http": 80, "https": 443}

# Names that frame the message, speak for the connection, or speak for Cronny.
_RESERVED = frozenset[str]().union(
    ("host", "content-length", "connection", "transfer-encoding", "upgrade", "te", "trailer", "expect", "keep-alive"),
    ("proxy-authorization", "proxy-connection", "idempotency-key"),
)
_RESERVED_PREFIXES = ("webhook-", "x-cronny-")


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a connection leads to."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Request:
    """What to send; ``path`` includes the query. ``Request.to`` makes one from what a user wrote.

    ``reads`` is how many bytes of the answer's body are read.
    """

    method: str
    target: Target
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    reads: int = MAX_BODY_BYTES

    @classmethod
    def to(
        cls, url: str, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> "Request":
        """Raises ``Invalid`` that names ``url`` or ``headers.NAME``."""
        for name, value in (headers or {}).items():
            _check_header(name, value)
        target, path = locate(url)
        return cls(method, target, path, headers or {}, body)


def locate(url: str) -> tuple[Target, str]:
    """Whom a URL leads to, and its path with query. Raises ``Invalid`` that names ``url``."""
    if len(url) > MAX_URL_CHARACTERS or _NOT_IN_URL.search(url):
        raise Invalid.field("url", f"it must have at most {MAX_URL_CHARACTERS} characters and no spaces")
    try:
        parsed = parse_url(_ascii_host(url))
    except (LocationParseError, ValueError) as error:
        raise Invalid.field("url", "this is not a URL") from error
    if parsed.scheme not in _PORTS or not parsed.host:
        raise Invalid.field("url", "it must begin with http:// or https:// and name a host")
    if parsed.auth:
        raise Invalid.field("url", "credentials do not belong into a URL; where there is an auth, give them in it")
    port = _PORTS[parsed.scheme] if parsed.port is None else parsed.port
    if not 1 <= port <= 65535:
        raise Invalid.field("url", "its port must be from 1 to 65535")
    return Target(parsed.scheme, parsed.host.strip("[]"), port), parsed.request_uri


def _ascii_host(url: str) -> str:
    if url.isascii():
        return url
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.encode("idna").decode("ascii")))


def _check_header(name: str, value: str) -> None:
    if not _TOKEN.fullmatch(name):
        raise Invalid.field(f"headers.{name}", "this is not a header's name")
    if name.lower() in _RESERVED or name.lower().startswith(_RESERVED_PREFIXES):
        raise Invalid.field(f"headers.{name}", "Cronny sets this header itself")
    if _CONTROL.search(value):
        raise Invalid.field(f"headers.{name}", "its value must be one line without control characters")
