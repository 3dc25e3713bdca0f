"""For load balancers and people: is it up, and is it doing its work?"""

from http import HTTPStatus

from chalicelib.answer import Answer
from chalicelib.call import Call
from chalicelib.routes import Routes
from shared import VERSION
from shared.errors import Unavailable
from shared.manage.readiness import get_readiness

routes = Routes("health", prefix="", limited=False)

AWAY = "The database does not answer: nothing fires until it is back, and what is missed meanwhile is caught up."


@routes("GET", "/health", public=True)
def alive(_call: Call) -> Answer:
    return Answer({"status": "ok", "version": VERSION})


@routes("GET", "/health/ready", public=True)
def ready(call: Call) -> Answer:
    try:
        readiness = get_readiness(call.services)
    except Unavailable:
        away = {"status": "unavailable", "version": VERSION, "database": "away", "problems": [AWAY]}
        return Answer(away, HTTPStatus.SERVICE_UNAVAILABLE)
    ages = {name: None if age is None else round(age, 1) for name, age in readiness.heartbeat_ages.items()}
    body = {
        "status": "ok" if readiness.ready else "unavailable",
        "version": VERSION,
        "database": "ok",
        "heartbeat_age_seconds": ages,
        "instances": readiness.instances,
        "creator_lag_seconds": round(readiness.lag, 1),
        "problems": [*readiness.hindrances, *readiness.warnings],
    }
    return Answer(body, HTTPStatus.OK if readiness.ready else HTTPStatus.SERVICE_UNAVAILABLE)
