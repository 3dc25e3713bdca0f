"""Schedules."""

from http import HTTPStatus

from chalicelib.answer import Answer
from chalicelib.call import Call
from chalicelib.paging import asked_slice, page_answer
from chalicelib.routes import Routes
from chalicelib.wire.drafts import change, new
from chalicelib.wire.schedules import ScheduleFields, ScheduleFilters, to_json
from shared.manage import schedules
from shared.schedule import Schedule, ScheduleId
from shared.user import UserId

routes = Routes("schedules")


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
    return Answer({"schedule": to_json(schedules.get_schedule(call.services, user_id, schedule_id))})


@routes("PUT PATCH", "/schedules/{schedule_id}")
def update(call: Call, user_id: UserId, schedule_id: ScheduleId) -> Answer:
    draft = change(ScheduleFields, call.body())
    return _saved(schedules.change_schedule(call.services, user_id, schedule_id, draft), "The schedule is saved.")


@routes("DELETE", "/schedules/{schedule_id}")
def delete(call: Call, user_id: UserId, schedule_id: ScheduleId) -> Answer:
    schedules.delete_schedule(call.services, user_id, schedule_id)
    return Answer({"message": "The schedule is deleted."})


@routes("POST", "/schedules/{schedule_id}/pause")
def pause(call: Call, user_id: UserId, schedule_id: ScheduleId) -> Answer:
    return _saved(schedules.pause_schedule(call.services, user_id, schedule_id), "The schedule is paused.")


@routes("POST", "/schedules/{schedule_id}/resume")
def resume(call: Call, user_id: UserId, schedule_id: ScheduleId) -> Answer:
    return _saved(schedules.resume_schedule(call.services, user_id, schedule_id), "The schedule is active.")


def _saved(schedule: Schedule, message: str, status: HTTPStatus = HTTPStatus.OK) -> Answer:
    return Answer({"schedule": to_json(schedule), "message": message}, status)
