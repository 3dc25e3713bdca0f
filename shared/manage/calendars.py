"""Calendars: what their owners exclude, read when it is saved, so that the creator only looks up intervals."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared import cron, exclusions
from shared.calendars import CalendarId
from shared.errors import Fault, NotFound
from shared.exclusions import Exclusions
from shared.manage import quotas
from shared.manage.draft import Draft
from shared.manage.expected import Expected
from shared.paging import Page, Slice
from shared.quotas import Kept
from shared.services import Services
from shared.store import Connection, calendars
from shared.store.calendars import StoredCalendar
from shared.user import UserId

MISSING = "There is no such calendar."
EDITED = "a calendar of the schedule was edited"
COLUMNS = ("name", "timezone")


def create_calendar(services: Services, user_id: UserId, draft: Draft) -> StoredCalendar:
    """A new calendar; raises ``Invalid``, ``OverQuota``, and ``Conflict`` when the user has one of that name."""
    now = services.clock.now()
    fields = {"timezone": "UTC", **draft.fields}
    read, faults = _read(fields["timezone"], fields, now)
    draft.accept(faults)
    with services.database.begin() as connection:
        quotas.make_room(connection, user_id, Kept.CALENDARS)
        return calendars.create(connection, user_id, _row(fields, {}, now), read)


def list_calendars(services: Services, user_id: UserId, draft: Draft, part: Slice) -> Page[StoredCalendar]:
    """The caller's calendars."""
    draft.accept()
    with services.database.begin() as connection:
        return calendars.read_list(connection, user_id, draft.fields, part)


def get_calendar(services: Services, user_id: UserId, calendar_id: CalendarId) -> StoredCalendar:
    """One calendar; raises ``NotFound``."""
    with services.database.begin() as connection:
        return _found(calendars.find(connection, user_id, calendar_id))


def change_calendar(
    services: Services,
    user_id: UserId,
    calendar_id: CalendarId,
    draft: Draft,
    expected: Expected[StoredCalendar] = None,
) -> StoredCalendar:
    """Write the sent fields, and plan the schedules that use the calendar anew in the same transaction.

    Raises ``NotFound``, ``Invalid``, and ``Conflict`` when another calendar has that name.
    """
    now = services.clock.now()
    with services.database.begin() as connection:
        current = _locked(connection, user_id, calendar_id, expected)
        fields = {"name": current.name, "timezone": current.timezone, **draft.fields}
        row = _row(fields, current.definition, now)
        read, faults = _read(fields["timezone"], row["definition"], now)
        draft.accept(faults)
        changed = calendars.change(connection, user_id, calendar_id, row, read)
        if draft.fields.keys() - {"name"}:
            calendars.replan_users(connection, user_id, calendar_id, EDITED, now)
        return changed


def delete_calendar(
    services: Services, user_id: UserId, calendar_id: CalendarId, expected: Expected[StoredCalendar] = None
) -> None:
    """Delete the calendar; raises ``NotFound``, and ``Conflict`` while a schedule uses it."""
    with services.database.begin() as connection:
        _locked(connection, user_id, calendar_id, expected)
        calendars.remove(connection, user_id, calendar_id)


def _row(fields: Mapping[str, Any], definition: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The columns: what was not sent of the definition stays as it was."""
    sent = {name: value for name, value in fields.items() if name not in COLUMNS}
    columns = {name: fields[name] for name in COLUMNS if name in fields}
    return {**columns, "definition": {**definition, **sent}, "expanded_until": exclusions.horizon(now)}


def _read(timezone: str, definition: Mapping[str, Any], now: datetime) -> tuple[Exclusions, list[Fault]]:
    """What is excluded, and everything wrong with it; days of an unknown zone are checked as days all the same."""
    try:
        cron.zone(timezone)
    except ValueError as error:
        known, faults = exclusions.read(definition, "UTC", now)
        return known, [Fault("timezone", str(error)), *faults]
    return exclusions.read(definition, timezone, now)


def _locked(
    connection: Connection, user_id: UserId, calendar_id: CalendarId, expected: Expected[StoredCalendar] = None
) -> StoredCalendar:
    calendar = _found(calendars.lock(connection, user_id, calendar_id))
    if expected:
        expected(calendar)
    return calendar


def _found(calendar: StoredCalendar | None) -> StoredCalendar:
    if calendar is None:
        raise NotFound(MISSING)
    return calendar
