"""The page at /: says what answers here."""

from pathlib import Path

from chalicelib.answer import Answer
from chalicelib.call import Call
from chalicelib.routes import Routes
from chalicelib.says import serves

PAGE = Path(__file__).with_name("welcome.html")
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
}

routes = Routes("welcome", prefix="", limited=False)


@routes("GET", "/", public=True, says=serves("A page that says what is here.", "text/html; charset=utf-8"))
def welcome(_call: Call) -> Answer:
    return Answer(PAGE.read_text("utf-8"), headers=HEADERS)
