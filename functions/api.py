"""The HTTP API: each event of its integration is one request to the Chalice application, and one line in the log."""

import time
from typing import Any

from app import app
from chalicelib.gateway import serve
from functions.logs import logger
from functions.stopping import before_the_end, graceful


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answers an HTTP event of any kind with {statusCode, headers, body, isBase64Encoded}."""
    before_the_end(app.stopwatch.flush)
    return answer(app, event, context)


def answer(application: Any, event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The same for any application."""
    log, began = logger("api"), time.monotonic()
    with graceful():
        served = serve(application, event, context)
    log.info("request", duration_ms=round((time.monotonic() - began) * 1000, 1), **served.facts)
    return served.answer
