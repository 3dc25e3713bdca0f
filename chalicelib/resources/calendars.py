"""Calendars: when schedules do not fire."""

from http import HTTPStatus

from chalicelib.answer import Answer
from chalicelib.call import Call
from chalicelib.paging import asked_slice, page_answer
from chalicelib.routes import Routes
from chalicelib.says import changes, creates, deletes, lists, reads
from chalicelib.tags import Shown
from chalicelib.wire.calendars import CalendarFields, CalendarJson, to_json
from chalicelib.wire.drafts import change, new
from chalicelib.wire.filters import NameFilters
from shared.calendars import CalendarId
from shared.manage import calendars
from shared.user import UserId

routes = Routes("calendars")

# What a refresh changes is nobody's edit.
CALENDAR = Shown("calendar", to_json, volatile=frozenset({"fetched_at", "fetch_error", "expanded_until"}))


# In parts, because its URL is asked: done again, the calendar is there already.
@routes("POST", "/calendars", in_parts=True, says=creates("Make a calendar.", CalendarFields, "calendar", CalendarJson))
def create(call: Call, user_id: UserId) -> Answer:
    calendar = calendars.create_calendar(call.services, user_id, new(CalendarFields, call.body()))
    return Answer({"calendar": to_json(calendar), "message": "The calendar is created."}, HTTPStatus.CREATED)


@routes("GET", "/calendars", says=lists("Your calendars, oldest first.", "calendars", CalendarJson, NameFilters))
def read_list(call: Call, user_id: UserId) -> Answer:
    filters = change(NameFilters, call.query)
    page = calendars.list_calendars(call.services, user_id, filters, asked_slice(call, user_id, filters))
    return page_answer(call, user_id, "calendars", page, to_json, filters)


@routes("GET", "/calendars/{calendar_id}", says=reads("One calendar.", "calendar", CalendarJson))
def read(call: Call, user_id: UserId, calendar_id: CalendarId) -> Answer:
    return CALENDAR.answer(calendars.get_calendar(call.services, user_id, calendar_id))


@routes(
    "PUT PATCH",
    "/calendars/{calendar_id}",
    says=changes(
        "Change a calendar; schedules that use it are planned anew.", CalendarFields, "calendar", CalendarJson
    ),
)
def update(call: Call, user_id: UserId, calendar_id: CalendarId) -> Answer:
    draft, expected = change(CalendarFields, call.body()), CALENDAR.expected(call)
    calendar = calendars.change_calendar(call.services, user_id, calendar_id, draft, expected)
    return Answer({"calendar": to_json(calendar), "message": "The calendar is saved."})


@routes("DELETE", "/calendars/{calendar_id}", says=deletes("Delete a calendar, unless a schedule uses it."))
def delete(call: Call, user_id: UserId, calendar_id: CalendarId) -> Answer:
    calendars.delete_calendar(call.services, user_id, calendar_id, CALENDAR.expected(call))
    return Answer({"message": "The calendar is deleted."})
