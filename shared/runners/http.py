"""The ``http`` job type: one request to a target of the user's."""

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from shared.errors import Invalid
from shared.job import JsonObject, JsonValue
from shared.outcome import FailureKind, Outcome
from shared.runners import RunContext, assertions
from shared.runners.failure import of_status
from shared.runners.fields import as_object, as_text, mapping, required_text, text
from shared.runners.http_client import HttpClient, RequestFailed, Response
from shared.runners.http_type import METHODS
from shared.runners.redirects import MOST_REDIRECTS, follow
from shared.runners.request import Request, locate
from shared.runners.retry_after import retry_after
from shared.runners.signing import Signing, signed
from shared.runners.statuses import ExpectedStatuses
from shared.untrusted import parse_json

CREDENTIAL_HEADERS = frozenset(
    ("authorization", "cookie", "x-api-key", "api-key", "apikey", "x-auth-token", "x-access-token", "private-token")
)

# Only text encodings; Python's other codecs are slow or do not decode text.
_CHARSET = re.compile(
    r"charset\s*=\s*\"?(utf-?8|us-ascii|iso-8859-\d{1,2}|windows-125\d|utf-16(?:le|be)?)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class HttpRunner:
    """Input {url, method, headers, request_body, ...} as ``JOB_TYPE`` has them; output {status, headers, body, ...}."""

    client: HttpClient

    def run(self, job_input: JsonValue, context: RunContext) -> Outcome:
        """Fails, with the output kept, when the status is not an expected one, or an assertion does not hold."""
        try:
            fields = as_object(job_input, '{"url": "https://example.org"}')
            expected = ExpectedStatuses.parse(fields.get("expected_status"))
            asserted = assertions.parse(fields.get("assertions"))
            request = signed(read_request(fields), Signing.parse(fields), context)
            response = follow(self.client, request, context, _redirects(fields))
        except Invalid as error:
            return Outcome.failed(str(error), kind=FailureKind.INVALID_INPUT)
        except RequestFailed as error:
            return error.outcome()
        output = describe(response)
        if response.status in expected:
            return assertions.judged(asserted, output)
        wait = retry_after(response.headers, context.at)
        error_text = f"HTTP {response.status}, expected {expected}"
        return Outcome.failed(error_text, output, of_status(response.status), retry_after=wait)


def check(fields: JsonObject) -> None:
    """What a schema cannot say of an input, and can be said before it is sent. Raises ``Invalid``."""
    read_request(fields)
    assertions.parse(fields.get("assertions"))
    Signing.parse(fields)
    _redirects(fields)


def read_request(fields: JsonObject) -> Request:
    """The request that an input asks for. Raises ``Invalid``."""
    method = (text(fields, "method") or "GET").upper()
    if method not in METHODS:
        raise Invalid.field("method", "it must be one of " + ", ".join(METHODS))
    body, content_type = _body(fields.get("request_body"), method)
    headers = {name: as_text(value) for name, value in mapping(fields, "headers").items() if value is not None}
    own = {"Content-Type": content_type} if body is not None else {}
    own |= _authorization(mapping(fields, "auth"))
    request = Request.to(required_text(fields, "url"), method, _preferring(own, headers), body)
    return replace(request, path=_with_query(request.path, mapping(fields, "query")))


def host(fields: JsonObject) -> str | None:
    """host:port that an input calls; None when it has no URL that could be called."""
    try:
        return str(locate(required_text(fields, "url"))[0])
    except Invalid:
        return None


def credentials(fields: JsonObject) -> Iterator[str]:
    """What an input has in the headers that carry credentials, and the pair that basic authentication sends."""
    headers = fields.get("headers")
    for name, value in headers.items() if isinstance(headers, Mapping) else ():
        if name.lower() in CREDENTIAL_HEADERS and isinstance(value, str):
            scheme, _, rest = value.strip().partition(" ")
            yield from (value, rest.strip() if scheme.isalpha() else "")
    auth = fields.get("auth")
    if isinstance(auth, Mapping) and auth.get("type") == "basic":
        yield f"{auth.get('username') or ''}:{auth.get('password') or ''}"


def describe(response: Response) -> JsonObject:
    """The output of an answered request."""
    return {
        "status": response.status,
        "headers": response.headers,
        "body": _decoded(response),
        "truncated": response.truncated,
        "timings": response.timings.to_json(),
    }


def _redirects(fields: JsonObject) -> int:
    most = fields.get("follow_redirects") or 0
    if not isinstance(most, int) or not 0 <= most <= MOST_REDIRECTS:
        raise Invalid.field("follow_redirects", f"it must be a number from 0 to {MOST_REDIRECTS}")
    return int(most)


def _body(body: JsonValue, method: str) -> tuple[bytes | None, str]:
    if body is None or body == "" or (method in ("GET", "HEAD") and body == {}):
        return None, ""
    if not isinstance(body, str):
        return json.dumps(body).encode(), "application/json"
    is_json = body.lstrip()[:1] in ("{", "[") and parse_json(body) is not None
    return body.encode("utf-8", "replace"), "application/json" if is_json else "text/plain; charset=utf-8"


def _authorization(auth: JsonObject) -> dict[str, str]:
    match auth.get("type"):
        case None if not auth:
            return {}
        case "basic":
            pair = f"{text(auth, 'username') or ''}:{text(auth, 'password') or ''}".encode("utf-8", "replace")
            return {"Authorization": "Basic " + base64.b64encode(pair).decode()}
        case "bearer":
            return {"Authorization": "Bearer " + required_text(auth, "token")}
        case _:
            raise Invalid.field("auth.type", "it must be basic or bearer")


def _preferring(defaults: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, str]:
    given = {name.lower() for name in headers}
    return {name: value for name, value in defaults.items() if name.lower() not in given} | dict(headers)


def _with_query(path: str, query: JsonObject) -> str:
    pairs = [(name, as_text(part)) for name, value in query.items() for part in _parts(value)]
    if not pairs:
        return path
    return path + ("&" if "?" in path else "?") + urlencode(pairs, errors="replace")


def _parts(value: JsonValue) -> Sequence[JsonValue]:
    return value if isinstance(value, list | tuple) else [value]


def _decoded(response: Response) -> JsonValue:
    named = _CHARSET.search(response.headers.get("content-type", ""))
    body = response.body.decode(named[1] if named else "utf-8", "replace")
    if response.truncated:
        return body
    parsed = parse_json(body)
    return body if parsed is None and body.strip() != "null" else parsed
