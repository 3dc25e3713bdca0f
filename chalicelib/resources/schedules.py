"""Schedules."""

from http import HTTPStatus

from chalicelib.answer import Answer
from chalicelib.call import Call
from chalicelib.paging import asked_slice, page_answer
from chalicelib.routes import Routes
from chalicelib.tags import Shown
from chalicelib.wire import explanations
from chalicelib.wire import preview as wire_preview
from chalicelib.wire.drafts import change, new, sent_filter
from chalicelib.wire.history import trigger_to_json
from chalicelib.wire.runs import BackfillFields, BulkFields, RunFields, backfill_to_json, bulk_to_json
from chalicelib.wire.schedules import ScheduleFields, ScheduleFilters, to_json
from shared.identity import Scope
from shared.manage import runs, schedules
from shared.manage.bulk import change_many
from shared.manage.explanations import explain_instant
from shared.manage.preview import look_ahead, next_times
from shared.schedule import Schedule, ScheduleId
from shared.user import UserId

routes = Routes("schedules")

# What becomes of a schedule without anybody editing it.
VOLATILE = frozenset({"schedule_status", "status_note", "runs", "next_run_at", "last_run"})
SCHEDULE = Shown("schedule", to_json, VOLATILE)


@routes("POST", "/schedules")
def create(call: Call, user_id: UserId) -> Answer:
    schedule = schedules.create_schedule(call.services, user_id, new(ScheduleFields, call.body()))
    return _saved(schedule, "The schedule is created.", HTTPStatus.CREATED)


@routes("GET", "/schedules")
def read_list(call: Call, user_id: UserId) -> Answer:
    filters = change(ScheduleFilters, call.query)
    page = schedules.list_schedules(call.services, user_id, filters, asked_slice(call, user_id, filters))
    return page_answer(call, user_id, "schedules", page, to_json, filters)


@routes("GET", "/schedules/{schedule_id}")
def read(call: Call, user_id: UserId, schedule_id: ScheduleId) -> Answer:
    return SCHEDULE.answer(schedules.get_schedule(call.services, user_id, schedule_id))


@routes("PUT PATCH", "/schedules/{schedule_id}")
def update(call: Call, user_id: UserId, schedule_id: ScheduleId) -> Answer:
    draft, expected = change(ScheduleFields, call.body()), SCHEDULE.expected(call)
    schedule = schedules.change_schedule(call.services, user_id, schedule_id, draft, expected)
    return _saved(schedule, "The schedule is saved.")


@routes("DELETE", "/schedules/{schedule_id}")
def delete(call: Call, user_id: UserId, schedule_id: ScheduleId) -> Answer:
    schedules.delete_schedule(call.services, user_id, schedule_id, SCHEDULE.expected(call))
    return Answer({"message": "The schedule is deleted."})


@routes("POST", "/schedules/{schedule_id}/pause")
def pause(call: Call, user_id: UserId, schedule_id: ScheduleId) -> Answer:
    return _saved(schedules.pause_schedule(call.services, user_id, schedule_id), "The schedule is paused.")


@routes("POST", "/schedules/{schedule_id}/resume")
def resume(call: Call, user_id: UserId, schedule_id: ScheduleId) -> Answer:
    return _saved(schedules.resume_schedule(call.services, user_id, schedule_id), "The schedule is active.")


@routes("POST", "/schedules/{schedule_id}/run", scope=Scope.RUN)
def run(call: Call, user_id: UserId, schedule_id: ScheduleId) -> Answer:
    trigger = runs.run_now(call.services, user_id, schedule_id, change(RunFields, call.body()))
    return Answer({"trigger": trigger_to_json(trigger), "message": "It runs now."}, HTTPStatus.ACCEPTED)


@routes("POST", "/schedules/{schedule_id}/backfill", scope=Scope.RUN)
def backfill(call: Call, user_id: UserId, schedule_id: ScheduleId) -> Answer:
    done = runs.backfill(call.services, user_id, schedule_id, new(BackfillFields, call.body()))
    message = f"{done.created} of {done.due} due times will run."
    return Answer({"backfill": backfill_to_json(done), "message": message}, HTTPStatus.ACCEPTED)


@routes("POST", "/schedules/preview", in_parts=True, scope=Scope.READ)
def preview(call: Call, user_id: UserId) -> Answer:
    ahead = look_ahead(call.services, user_id, wire_preview.read(call.body()))
    return Answer({"preview": wire_preview.to_json(ahead)})


@routes("GET", "/schedules/{schedule_id}/next")
def read_next(call: Call, user_id: UserId, schedule_id: ScheduleId) -> Answer:
    ahead = next_times(call.services, user_id, schedule_id, change(wire_preview.NextQuery, call.query))
    return Answer({"next": wire_preview.to_json(ahead)})


@routes("GET", "/schedules/{schedule_id}/explain")
def explain(call: Call, user_id: UserId, schedule_id: ScheduleId) -> Answer:
    explanation = explain_instant(call.services, user_id, schedule_id, change(explanations.ExplainQuery, call.query))
    return Answer({"explanation": explanations.to_json(explanation)})


@routes("POST", "/schedules/bulk", in_parts=True)
def bulk(call: Call, user_id: UserId) -> Answer:
    body = call.body()
    result = change_many(call.services, user_id, new(BulkFields, body), sent_filter(ScheduleFilters, body))
    return Answer({"bulk": bulk_to_json(result), "message": f"{result.changed} schedules changed."})


def _saved(schedule: Schedule, message: str, status: HTTPStatus = HTTPStatus.OK) -> Answer:
    return Answer({"schedule": to_json(schedule), "message": message}, status)
