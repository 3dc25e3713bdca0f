"""Actions."""

from http import HTTPStatus

from chalicelib.answer import Answer
from chalicelib.call import Call
from chalicelib.paging import asked_slice, page_answer
from chalicelib.routes import Routes
from chalicelib.says import changes, creates, deletes, lists, reads
from chalicelib.tags import Shown
from chalicelib.wire.actions import ActionFields, ActionJson, to_json
from chalicelib.wire.drafts import change, new
from chalicelib.wire.filters import NameFilters
from shared.action import ActionId
from shared.manage import actions
from shared.user import UserId

routes = Routes("actions")

ACTION = Shown("action", to_json)


@routes("POST", "/actions", says=creates("Make an action.", ActionFields, "action", ActionJson))
def create(call: Call, user_id: UserId) -> Answer:
    action = actions.create_action(call.services, user_id, new(ActionFields, call.body()))
    return Answer({"action": to_json(action), "message": "The action is created."}, HTTPStatus.CREATED)


@routes(
    "GET", "/actions", says=lists("Your actions with their jobs, oldest first.", "actions", ActionJson, NameFilters)
)
def read_list(call: Call, user_id: UserId) -> Answer:
    filters = change(NameFilters, call.query)
    page = actions.list_actions(call.services, user_id, filters, asked_slice(call, user_id, filters))
    return page_answer(call, user_id, "actions", page, to_json, filters)


@routes("GET", "/actions/{action_id}", says=reads("One action with its jobs.", "action", ActionJson))
def read(call: Call, user_id: UserId, action_id: ActionId) -> Answer:
    return ACTION.answer(actions.get_action(call.services, user_id, action_id))


@routes("PUT PATCH", "/actions/{action_id}", says=changes("Change an action.", ActionFields, "action", ActionJson))
def update(call: Call, user_id: UserId, action_id: ActionId) -> Answer:
    draft, expected = change(ActionFields, call.body()), ACTION.expected(call)
    action = actions.change_action(call.services, user_id, action_id, draft, expected)
    return Answer({"action": to_json(action), "message": "The action is saved."})


@routes(
    "DELETE", "/actions/{action_id}", says=deletes("Delete an action with its jobs, unless a schedule points at it.")
)
def delete(call: Call, user_id: UserId, action_id: ActionId) -> Answer:
    actions.delete_action(call.services, user_id, action_id, ACTION.expected(call))
    return Answer({"message": "The action is deleted."})
