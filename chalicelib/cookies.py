"""The refresh token of a browser: a cookie that no script can read and no other site can have sent."""

from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from chalicelib.call import Call
from shared.errors import Forbidden
from shared.identity import SESSION_LASTS

NAME = "cronny_refresh"
PATH = "/api/cronny/v1/auth"
ELSEWHERE = "This request comes from another site."


def refresh_cookie(call: Call, token: str) -> dict[str, str]:
    """The header that keeps a refresh token in the browser."""
    return _cookie(call, token, int(SESSION_LASTS.total_seconds()))


def cleared(call: Call) -> dict[str, str]:
    """The header that takes it away again, if one was sent."""
    return _cookie(call, "", 0) if _sent(call) else {}


def read_refresh_cookie(call: Call) -> str:
    """The refresh token of the browser, empty without one; raises ``Forbidden`` when another site's page asks."""
    token = _sent(call)
    origin = call.header("origin")
    if token and urlsplit(origin).netloc != call.header("host"):
        raise Forbidden(ELSEWHERE)
    return token


def _sent(call: Call) -> str:
    try:
        found = SimpleCookie(call.header("cookie")).get(NAME)
    except CookieError:
        return ""
    return found.value if found else ""


def _cookie(call: Call, value: str, seconds: int) -> dict[str, str]:
    # A laptop has no TLS, and browsers keep secure cookies of http://127.0.0.1 only in part.
    secure = "" if call.services.settings.development else "; Secure"
    lasting = f"Path={PATH}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
    return {"Set-Cookie": f"{NAME}={value}; {lasting}"}
