"""Breakers: hosts that fail and are left alone for a while."""

from chalicelib.answer import Answer
from chalicelib.call import Call
from chalicelib.routes import Routes
from chalicelib.says import does, lists
from chalicelib.wire.breakers import BreakerJson, to_json
from shared.identity import Scope
from shared.manage import breakers
from shared.user import UserId

routes = Routes("breakers")


@routes("GET", "/breakers", says=lists("Hosts that failed within the last day.", "breakers", BreakerJson, paged=False))
def read_list(call: Call, user_id: UserId) -> Answer:
    found = breakers.list_breakers(call.services, user_id)
    return Answer({"breakers": [to_json(each) for each in found], "next_cursor": None})


@routes(
    "POST",
    "/breakers/{host}/close",
    words=("host",),
    in_parts=True,
    scope=Scope.RUN,
    says=does("Take it that a host is well again.", {"breaker": BreakerJson}),
)
def close(call: Call, user_id: UserId, host: str) -> Answer:
    closed, let_go = breakers.close_breaker(call.services, user_id, host)
    waited = f" {let_go} triggers that waited for it are sent on in turn." if let_go else ""
    return Answer({"breaker": to_json(closed), "message": f"The breaker is closed.{waited}"})
