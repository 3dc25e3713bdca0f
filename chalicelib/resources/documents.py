"""What the API is: for programs, and for people."""

from chalicelib.answer import Answer
from chalicelib.call import Call
from chalicelib.routes import Routes
from chalicelib.says import serves
from chalicelib.tags import revalidated

# Everybody's, and the same until the next release; an hour after it nobody reads the old one any more.
CACHED = {"Cache-Control": "public, max-age=3600, stale-while-revalidate=86400"}

routes = Routes("documents", prefix="")


@routes("GET", "/openapi.json", public=True, says=serves("This document.", "application/json", cached=True))
def openapi(call: Call) -> Answer:
    # Nobody else's request pays for it.
    from chalicelib.openapi.document import text

    return revalidated(call, Answer(text(), headers=CACHED))


@routes("GET", "/docs", public=True, says=serves("This document, for people.", "text/html; charset=utf-8", cached=True))
def read(call: Call) -> Answer:
    from chalicelib.openapi.page import page, policy

    headers = {
        **CACHED,
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": policy(),
        "Referrer-Policy": "no-referrer",
    }
    return revalidated(call, Answer(page(), headers=headers))
