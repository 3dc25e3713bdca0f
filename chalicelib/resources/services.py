"""Cronny's own functions: which of them are there."""

from chalicelib.answer import Answer
from chalicelib.call import Call
from chalicelib.routes import Routes
from chalicelib.wire.services import to_json
from shared.manage.instances import list_instances
from shared.user import UserId

routes = Routes("services")


@routes("GET", "/services")
def read_list(call: Call, _user_id: UserId) -> Answer:
    return Answer({"services": [to_json(each) for each in list_instances(call.services)], "next_cursor": None})
