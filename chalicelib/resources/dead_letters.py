"""Dead letters: triggers that failed for good."""

from http import HTTPStatus

from chalicelib.answer import Answer
from chalicelib.call import Call
from chalicelib.paging import asked_slice, page_answer
from chalicelib.routes import Routes
from chalicelib.says import deletes, does, lists, reads
from chalicelib.tags import Shown, expect_nothing
from chalicelib.wire.dead_letters import (
    DeadLetterFilters,
    DeadLetterJson,
    DiscardFields,
    RedriveFields,
    RetryFields,
    SkippedJson,
    dead_letter_to_json,
    skipped_to_json,
)
from chalicelib.wire.drafts import change, sent_filter
from chalicelib.wire.history import TriggerJson, trigger_to_json
from shared.identity import Scope
from shared.manage import dead_letters
from shared.trigger import TriggerId
from shared.user import UserId

routes = Routes("dead_letters")

DEAD_LETTER = Shown("dead_letter", dead_letter_to_json)
REDRIVEN = {"redriven": int, "skipped": list[SkippedJson]}
DISCARDED = {"discarded": int, "skipped": list[SkippedJson]}


@routes(
    "GET",
    "/dead_letters",
    says=lists("Triggers that failed for good, newest first.", "dead_letters", TriggerJson, DeadLetterFilters),
)
def read_list(call: Call, user_id: UserId) -> Answer:
    filters = change(DeadLetterFilters, call.query)
    page = dead_letters.list_dead_letters(call.services, user_id, filters, asked_slice(call, user_id, filters))
    return page_answer(call, user_id, "dead_letters", page, trigger_to_json, filters)


@routes(
    "GET",
    "/dead_letters/{trigger_id}",
    says=reads("One dead letter with everything that its jobs did.", "dead_letter", DeadLetterJson),
)
def read(call: Call, user_id: UserId, trigger_id: TriggerId) -> Answer:
    return DEAD_LETTER.answer(dead_letters.get_dead_letter(call.services, user_id, trigger_id))


@routes(
    "POST",
    "/dead_letters/redrive",
    in_parts=True,
    scope=Scope.RUN,
    says=does(
        "Send dead letters on their way again.",
        REDRIVEN,
        RedriveFields,
        status=HTTPStatus.ACCEPTED,
        picks=DeadLetterFilters,
    ),
)
def redrive(call: Call, user_id: UserId) -> Answer:
    body = call.body()
    draft, filters = change(RedriveFields, body), sent_filter(DeadLetterFilters, body)
    done = dead_letters.redrive(call.services, user_id, draft, filters)
    message = f"{len(done.changed)} dead letters are on their way again."
    answer = {"redriven": len(done.changed), "skipped": skipped_to_json(done), "message": message}
    return Answer(answer, HTTPStatus.ACCEPTED)


@routes(
    "DELETE",
    "/dead_letters",
    says=does(
        "Discard dead letters; they stay in the history.",
        DISCARDED,
        DiscardFields,
        picks=DeadLetterFilters,
        guarded=True,
    ),
)
def discard(call: Call, user_id: UserId) -> Answer:
    expect_nothing(call)
    body = call.body()
    draft, filters = change(DiscardFields, body), sent_filter(DeadLetterFilters, body)
    done = dead_letters.discard(call.services, user_id, draft, filters)
    message = f"{len(done.changed)} dead letters are discarded; they stay in the history."
    return Answer({"discarded": len(done.changed), "skipped": skipped_to_json(done), "message": message})


@routes("DELETE", "/dead_letters/{trigger_id}", says=deletes("Discard a dead letter; it stays in the history."))
def discard_one(call: Call, user_id: UserId, trigger_id: TriggerId) -> Answer:
    dead_letters.discard_one(call.services, user_id, trigger_id, DEAD_LETTER.expected(call))
    return Answer({"message": "The dead letter is discarded; it stays in the history."})


@routes(
    "POST",
    "/triggers/{trigger_id}/retry",
    scope=Scope.RUN,
    says=does(
        "Send a dead letter on its way again.", {"trigger": TriggerJson}, RetryFields, status=HTTPStatus.ACCEPTED
    ),
)
def retry(call: Call, user_id: UserId, trigger_id: TriggerId) -> Answer:
    trigger = dead_letters.retry_trigger(call.services, user_id, trigger_id, change(RetryFields, call.body()))
    return Answer({"trigger": trigger_to_json(trigger), "message": "It is on its way again."}, HTTPStatus.ACCEPTED)
