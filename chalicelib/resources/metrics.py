"""What a monitoring system reads."""

import hmac
from http import HTTPStatus

from chalicelib.answer import Answer
from chalicelib.call import Call
from chalicelib.routes import Routes
from chalicelib.says import serves
from chalicelib.wire.metrics import CONTENT_TYPE, to_text
from shared.errors import NotFound, NotSignedIn
from shared.manage.measures import get_measures

routes = Routes("metrics", prefix="", limited=False)

REFUSALS = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE,
)


@routes(
    "GET",
    "/metrics",
    public=True,
    says=serves("What Prometheus reads; with a token of its own.", CONTENT_TYPE, REFUSALS),
)
def scrape(call: Call) -> Answer:
    _admit(call)
    return Answer(to_text(get_measures(call.services)), headers={"Content-Type": CONTENT_TYPE})


def _admit(call: Call) -> None:
    """Who knows the token of its own that this route has; without one, anybody in development and nobody elsewhere."""
    settings = call.services.settings
    if not settings.metrics_token:
        if not settings.development:
            raise NotFound("There is nothing at /metrics.")
    elif not hmac.compare_digest(call.bearer().encode(), settings.metrics_token.encode()):
        raise NotSignedIn("Send the token of CRONNY_METRICS_TOKEN as 'Authorization: Bearer <token>'.")
