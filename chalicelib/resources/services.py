"""Cronny's own functions: which of them are there."""

from chalicelib.answer import Answer
from chalicelib.call import Call
from chalicelib.routes import Routes
from chalicelib.says import lists
from chalicelib.wire.services import InstanceJson, to_json
from shared.manage.instances import list_instances
from shared.user import UserId

routes = Routes("services")


@routes("GET", "/services", says=lists("Processes of Cronny's own functions.", "services", InstanceJson, paged=False))
def read_list(call: Call, _user_id: UserId) -> Answer:
    return Answer({"services": [to_json(each) for each in list_instances(call.services)], "next_cursor": None})
