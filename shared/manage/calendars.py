"""Calendars: what their owners exclude, read when it is saved, so that the creator only looks up intervals."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from shared import cron, exclusions
from shared.calendars import CalendarId
from shared.errors import Conflict, Fault, NotFound
from shared.exclusions import Exclusions
from shared.manage import feeds, quotas
from shared.manage.draft import Draft
from shared.manage.expected import Expected
from shared.manage.feeds import Asked
from shared.paging import Page, Slice
from shared.quotas import Kept
from shared.services import Services
from shared.store import Connection, calendars
from shared.store import feeds as stored_feeds
from shared.store.calendars import StoredCalendar
from shared.user import UserId

MISSING = "There is no such calendar."
ELSEWHERE = "The calendar was given another URL meanwhile; look again."
EDITED = "a calendar of the schedule was edited"
COLUMNS = ("name", "timezone")


def create_calendar(services: Services, user_id: UserId, draft: Draft) -> StoredCalendar:
    """A new calendar; raises ``Invalid``, ``OverQuota``, and ``Conflict`` when the user has one of that name.

    Its URL is asked first, with no transaction open; raises ``TooMany`` when its user has others asked already.
    """
    now, real = services.clock.now(), services.clock.real_now()
    fields = {"timezone": "UTC", **draft.fields}
    asked = feeds.ask(services, user_id, draft, real)
    read, faults = _read(fields["timezone"], fields, now, _said(asked))
    draft.accept(_all(asked, faults))
    row = _row(fields, {}, now) | feeds.columns(draft, asked, None, real)
    with services.database.begin() as connection:
        quotas.make_room(connection, user_id, Kept.CALENDARS)
        return calendars.create(connection, user_id, row, read)


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

    Another URL is asked before that. Raises ``NotFound``, ``Invalid``, ``TooMany``, and ``Conflict`` when another
    calendar has that name, or somebody gives this one another URL at the same moment.
    """
    now, real = services.clock.now(), services.clock.real_now()
    asked = _asked(services, user_id, calendar_id, draft, expected, real)
    with services.database.begin() as connection:
        current = _locked(connection, user_id, calendar_id, expected)
        fields = {"name": current.name, "timezone": current.timezone, **draft.fields}
        row = _row(fields, current.definition, now)
        url = row["definition"].get(feeds.FIELD)
        if url and url not in (current.url, asked and asked.url) and not draft.faults:
            raise Conflict(ELSEWHERE)
        said = _said(asked) if asked else stored_feeds.text(connection, user_id, calendar_id) if url else ""
        read, faults = _read(fields["timezone"], row["definition"], now, said)
        draft.accept(_all(asked, faults))
        row |= feeds.columns(draft, asked, current, real)
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


def _asked(
    services: Services,
    user_id: UserId,
    calendar_id: CalendarId,
    draft: Draft,
    expected: Expected[StoredCalendar],
    real: datetime,
) -> Asked | None:
    """What the URL says that an edit brings; nobody is called for an edit that is refused anyway."""
    if not draft.fields.get(feeds.FIELD):
        return None
    with services.database.begin() as connection:
        current = _found(calendars.find(connection, user_id, calendar_id))
    if expected:
        expected(current)
    return feeds.ask(services, user_id, draft, real, current.url)


def _said(asked: Asked | None) -> str:
    return asked.feed.text if asked and asked.feed else ""


def _all(asked: Asked | None, faults: Sequence[Fault]) -> Sequence[Fault]:
    return [*(asked.faults if asked else ()), *faults]


def _row(fields: Mapping[str, Any], definition: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The columns: what was not sent of the definition stays as it was."""
    sent = {name: value for name, value in fields.items() if name not in COLUMNS}
    columns = {name: fields[name] for name in COLUMNS if name in fields}
    return {**columns, "definition": {**definition, **sent}, "expanded_until": exclusions.horizon(now)}


def _read(timezone: str, definition: Mapping[str, Any], now: datetime, said: str) -> tuple[Exclusions, list[Fault]]:
    """What is excluded, and everything wrong with it; days of an unknown zone are checked as days all the same."""
    try:
        cron.zone(timezone)
    except ValueError as error:
        known, faults = exclusions.read(definition, "UTC", now, said)
        return known, [Fault("timezone", str(error)), *faults]
    return exclusions.read(definition, timezone, now, said)


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
