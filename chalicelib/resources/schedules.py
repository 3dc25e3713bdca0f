"""Schedules."""

from http import HTTPStatus

from chalicelib.answer import Answer
from chalicelib.call import Call
from chalicelib.paging import asked_slice, page_answer
from chalicelib.routes import Routes
from chalicelib.says import Says, changes, creates, deletes, does, lists, reads
from chalicelib.tags import Shown
from chalicelib.wire import explanations
from chalicelib.wire import preview as wire_preview
from chalicelib.wire.drafts import change, new, sent_filter
from chalicelib.wire.history import TriggerJson, trigger_to_json
from chalicelib.wire.runs import (
    BackfilledJson,
    BackfillFields,
    BulkFields,
    BulkJson,
    PauseFields,
    RunFields,
    backfill_to_json,
    bulk_to_json,
)
from chalicelib.wire.schedule_views import ScheduleJson, to_json, whole_to_json
from chalicelib.wire.schedules import ScheduleFields, ScheduleFilters
from shared.identity import Scope
from shared.manage import recent, runs, schedules
from shared.manage.bulk import change_many
from shared.manage.explanations import explain_instant
from shared.manage.preview import look_ahead, next_times
from shared.schedule import Schedule, ScheduleId
from shared.user import UserId

routes = Routes("schedules")

# What becomes of a schedule without anybody editing it.
VOLATILE = frozenset({"schedule_status", "status_note", "runs", "next_run_at", "last_run", "recent"})
SCHEDULE = Shown("schedule", whole_to_json, VOLATILE)


@routes("POST", "/schedules", says=creates("Make a schedule.", ScheduleFields, "schedule", ScheduleJson))
def create(call: Call, user_id: UserId) -> Answer:
    schedule = schedules.create_schedule(call.services, user_id, new(ScheduleFields, call.body()))
    return _saved(schedule, "The schedule is created.", HTTPStatus.CREATED)


@routes("GET", "/schedules", says=lists("Your schedules, oldest first.", "schedules", ScheduleJson, ScheduleFilters))
def read_list(call: Call, user_id: UserId) -> Answer:
    filters = change(ScheduleFilters, call.query)
    page = schedules.list_schedules(call.services, user_id, filters, asked_slice(call, user_id, filters))
    return page_answer(call, user_id, "schedules", page, to_json, filters)


@routes("GET", "/schedules/{schedule_id}", says=reads("One schedule.", "schedule", ScheduleJson))
def read(call: Call, user_id: UserId, schedule_id: ScheduleId) -> Answer:
    return SCHEDULE.answer(recent.get_with_recent(call.services, user_id, schedule_id))


@routes(
    "PUT PATCH",
    "/schedules/{schedule_id}",
    says=changes("Change a schedule.", ScheduleFields, "schedule", ScheduleJson),
)
def update(call: Call, user_id: UserId, schedule_id: ScheduleId) -> Answer:
    draft, expected = change(ScheduleFields, call.body()), SCHEDULE.expected(call)
    schedule = schedules.change_schedule(call.services, user_id, schedule_id, draft, expected)
    return _saved(schedule, "The schedule is saved.")


@routes("DELETE", "/schedules/{schedule_id}", says=deletes("Delete a schedule; the history stays."))
def delete(call: Call, user_id: UserId, schedule_id: ScheduleId) -> Answer:
    schedules.delete_schedule(call.services, user_id, schedule_id, SCHEDULE.expected(call))
    return Answer({"message": "The schedule is deleted."})


@routes(
    "POST",
    "/schedules/{schedule_id}/pause",
    says=does("Pause a schedule, for good or until an instant.", {"schedule": ScheduleJson}, PauseFields),
)
def pause(call: Call, user_id: UserId, schedule_id: ScheduleId) -> Answer:
    said = change(PauseFields, call.body())
    return _saved(schedules.pause_schedule(call.services, user_id, schedule_id, said), "The schedule is paused.")


@routes(
    "POST",
    "/schedules/{schedule_id}/resume",
    says=does("Resume a schedule: it is planned from now on.", {"schedule": ScheduleJson}),
)
def resume(call: Call, user_id: UserId, schedule_id: ScheduleId) -> Answer:
    return _saved(schedules.resume_schedule(call.services, user_id, schedule_id), "The schedule is active.")


@routes(
    "POST",
    "/schedules/{schedule_id}/run",
    scope=Scope.RUN,
    says=does("Run a schedule now, paused or not.", {"trigger": TriggerJson}, RunFields, status=HTTPStatus.ACCEPTED),
)
def run(call: Call, user_id: UserId, schedule_id: ScheduleId) -> Answer:
    trigger = runs.run_now(call.services, user_id, schedule_id, change(RunFields, call.body()))
    return Answer({"trigger": trigger_to_json(trigger), "message": "It runs now."}, HTTPStatus.ACCEPTED)


@routes(
    "POST",
    "/schedules/{schedule_id}/backfill",
    scope=Scope.RUN,
    says=does(
        "Run due times that have passed and never ran.",
        {"backfill": BackfilledJson},
        BackfillFields,
        complete=True,
        status=HTTPStatus.ACCEPTED,
    ),
)
def backfill(call: Call, user_id: UserId, schedule_id: ScheduleId) -> Answer:
    done = runs.backfill(call.services, user_id, schedule_id, new(BackfillFields, call.body()))
    message = f"{done.created} of {done.due} due times will run."
    return Answer({"backfill": backfill_to_json(done), "message": message}, HTTPStatus.ACCEPTED)


@routes(
    "POST",
    "/schedules/preview",
    in_parts=True,
    scope=Scope.READ,
    says=Says(
        "What a schedule of these fields would do; nothing is written.",
        {HTTPStatus.OK: {"preview": wire_preview.AheadJson}},
        wire_preview.PreviewFields,
        refuses=frozenset({HTTPStatus.NOT_FOUND}),
    ),
)
def preview(call: Call, user_id: UserId) -> Answer:
    ahead = look_ahead(call.services, user_id, wire_preview.read(call.body()))
    return Answer({"preview": wire_preview.to_json(ahead)})


@routes(
    "GET",
    "/schedules/{schedule_id}/next",
    says=reads("The next due times of a schedule.", "next", wire_preview.AheadJson, wire_preview.NextQuery),
)
def read_next(call: Call, user_id: UserId, schedule_id: ScheduleId) -> Answer:
    ahead = next_times(call.services, user_id, schedule_id, change(wire_preview.NextQuery, call.query))
    return Answer({"next": wire_preview.to_json(ahead)})


@routes(
    "GET",
    "/schedules/{schedule_id}/explain",
    says=reads(
        "Why a schedule did or did not run at an instant.",
        "explanation",
        explanations.ExplanationJson,
        explanations.ExplainQuery,
    ),
)
def explain(call: Call, user_id: UserId, schedule_id: ScheduleId) -> Answer:
    explanation = explain_instant(call.services, user_id, schedule_id, change(explanations.ExplainQuery, call.query))
    return Answer({"explanation": explanations.to_json(explanation)})


@routes(
    "POST",
    "/schedules/bulk",
    in_parts=True,
    says=does(
        "Pause, resume or delete many schedules.", {"bulk": BulkJson}, BulkFields, complete=True, picks=ScheduleFilters
    ),
)
def bulk(call: Call, user_id: UserId) -> Answer:
    body = call.body()
    result = change_many(call.services, user_id, new(BulkFields, body), sent_filter(ScheduleFilters, body))
    return Answer({"bulk": bulk_to_json(result), "message": f"{result.changed} schedules changed."})


def _saved(schedule: Schedule, message: str, status: HTTPStatus = HTTPStatus.OK) -> Answer:
    return Answer({"schedule": to_json(schedule), "message": message}, status)
