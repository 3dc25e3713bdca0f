"""For load balancers and people: is it up, and is it doing its work?"""

from http import HTTPStatus

from chalicelib.answer import Answer
from chalicelib.call import Call
from chalicelib.routes import Routes
from chalicelib.says import Says, does
from chalicelib.wire import health as wire
from shared.errors import Unavailable
from shared.manage.readiness import get_readiness

routes = Routes("health", prefix="", limited=False)

READY = Says("Whether schedules fire.", {HTTPStatus.OK: wire.ReadyJson, HTTPStatus.SERVICE_UNAVAILABLE: wire.ReadyJson})


@routes("GET", "/health", public=True, says=does("Whether the API answers at all.", wire.AliveJson))
def alive(_call: Call) -> Answer:
    return Answer(wire.alive())


@routes("GET", "/health/ready", public=True, says=READY)
def ready(call: Call) -> Answer:
    try:
        readiness = get_readiness(call.services)
    except Unavailable:
        return Answer(wire.away(), HTTPStatus.SERVICE_UNAVAILABLE)
    return Answer(wire.to_json(readiness), HTTPStatus.OK if readiness.ready else HTTPStatus.SERVICE_UNAVAILABLE)
