"""Triggers: what became of each occurrence."""

from chalicelib.answer import Answer
from chalicelib.call import Call
from chalicelib.paging import asked_slice, page_answer
from chalicelib.routes import Routes
from chalicelib.says import does, lists, reads
from chalicelib.wire.drafts import change
from chalicelib.wire.history import (
    TriggerFilters,
    TriggerJson,
    WholeTriggerJson,
    trigger_to_json,
    whole_trigger_to_json,
)
from shared.identity import Scope
from shared.manage import history, runs
from shared.trigger import TriggerId
from shared.user import UserId

routes = Routes("triggers")


@routes("GET", "/triggers", says=lists("Occurrences, newest first.", "triggers", TriggerJson, TriggerFilters))
def read_list(call: Call, user_id: UserId) -> Answer:
    filters = change(TriggerFilters, call.query)
    page = history.list_triggers(call.services, user_id, filters, asked_slice(call, user_id, filters))
    return page_answer(call, user_id, "triggers", page, trigger_to_json, filters)


@routes(
    "GET", "/triggers/{trigger_id}", says=reads("One occurrence with what its jobs did.", "trigger", WholeTriggerJson)
)
def read(call: Call, user_id: UserId, trigger_id: TriggerId) -> Answer:
    return Answer({"trigger": whole_trigger_to_json(history.get_trigger(call.services, user_id, trigger_id))})


@routes(
    "POST",
    "/triggers/{trigger_id}/cancel",
    scope=Scope.RUN,
    says=does("Call off an occurrence that has not begun.", {"trigger": TriggerJson}),
)
def cancel(call: Call, user_id: UserId, trigger_id: TriggerId) -> Answer:
    trigger = runs.cancel_trigger(call.services, user_id, trigger_id)
    return Answer({"trigger": trigger_to_json(trigger), "message": "The trigger is cancelled."})
