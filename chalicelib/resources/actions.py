"""Actions."""

from http import HTTPStatus

from chalicelib.answer import Answer
from chalicelib.call import Call
from chalicelib.paging import asked_slice, page_answer
from chalicelib.routes import Routes
from chalicelib.tags import Shown
from chalicelib.wire.actions import ActionFields, to_json
from chalicelib.wire.drafts import change, new
from shared.action import ActionId
from shared.manage import actions
from shared.user import UserId

routes = Routes("actions")

ACTION = Shown("action", to_json)


@routes("POST", "/actions")
def create(call: Call, user_id: UserId) -> Answer:
    action = actions.create_action(call.services, user_id, new(ActionFields, call.body()))
    return Answer({"action": to_json(action), "message": "The action is created."}, HTTPStatus.CREATED)


@routes("GET", "/actions")
def read_list(call: Call, user_id: UserId) -> Answer:
    page = actions.list_actions(call.services, user_id, asked_slice(call, user_id))
    return page_answer(call, user_id, "actions", page, to_json)


@routes("GET", "/actions/{action_id}")
def read(call: Call, user_id: UserId, action_id: ActionId) -> Answer:
    return ACTION.answer(actions.get_action(call.services, user_id, action_id))


@routes("PUT PATCH", "/actions/{action_id}")
def update(call: Call, user_id: UserId, action_id: ActionId) -> Answer:
    draft, expected = change(ActionFields, call.body()), ACTION.expected(call)
    action = actions.change_action(call.services, user_id, action_id, draft, expected)
    return Answer({"action": to_json(action), "message": "The action is saved."})


@routes("DELETE", "/actions/{action_id}")
def delete(call: Call, user_id: UserId, action_id: ActionId) -> Answer:
    actions.delete_action(call.services, user_id, action_id, ACTION.expected(call))
    return Answer({"message": "The action is deleted."})
