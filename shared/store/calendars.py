"""SQL of calendars, and of the schedules that heed them. Locked are calendars first, then schedules, then triggers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    Connection,
    Text,
    any_,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)

from shared.calendars import Calendar, CalendarId, Window
from shared.exclusions import Exclusions
from shared.job import JsonObject, JsonValue
from shared.paging import Page, Slice
from shared.schedule import ScheduleId, ScheduleStatus, ScheduleType
from shared.store.arrays import BIGINT, INSTANT, bound, ids, rows
from shared.store.holds import NOT_HELD
from shared.store.paging import Filters, has_in_its_name, narrowed, read_page
from shared.store.tables import calendars, schedule_calendars, schedules, triggers
from shared.trigger import TriggerStatus
from shared.user import UserId


@dataclass(frozen=True, slots=True)
class StoredCalendar:
    """A calendar as its owner sees it. Events that repeat are known up to ``expanded_until``.

    ``fetched_at`` is when its URL last said something (in real time), ``fetch_error`` why it did not since then.
    """

    id: CalendarId
    user_id: UserId
    name: str
    timezone: str
    definition: JsonObject
    expanded_until: datetime
    created_at: datetime
    updated_at: datetime
    fetched_at: datetime | None
    fetch_error: str | None

    @property
    def url(self) -> str | None:
        """Where its events stand, if anywhere."""
        url = self.definition.get("icalendar_url")
        return url if isinstance(url, str) else None


_COLUMNS = tuple(calendars.c[field.name] for field in fields(StoredCalendar))
_OWNED = calendars.c.user_id == bindparam("user")
_THIS = (_OWNED, calendars.c.id == bindparam("key"))

CREATE = insert(calendars).returning(*_COLUMNS)
LIST = select(*_COLUMNS).where(_OWNED)
FILTERS: Filters = {"q": has_in_its_name(calendars.c.name)}
FIND = select(*_COLUMNS).where(*_THIS)
LOCK = FIND.with_for_update(key_share=True)
CHANGE = update(calendars).where(*_THIS).values(updated_at=func.now()).returning(*_COLUMNS)
DELETE = delete(calendars).where(*_THIS)
# Who points a schedule at a calendar waits for an edit of it, which in turn finds every schedule that points at it.
HOLD = select(calendars.c.id).where(_OWNED, calendars.c.id == any_(ids("ids"))).with_for_update(read=True)

_link = rows("link", calendar_id=BIGINT)
LINK = insert(schedule_calendars).from_select(
    ["user_id", "schedule_id", "calendar_id"],
    select(bindparam("user", type_=BIGINT), bindparam("key", type_=BIGINT), _link.c.calendar_id),
)
UNLINK = delete(schedule_calendars).where(
    schedule_calendars.c.user_id == bindparam("user"), schedule_calendars.c.schedule_id == bindparam("key")
)

LINKS = (
    select(schedule_calendars.c.schedule_id, schedule_calendars.c.calendar_id)
    .where(schedule_calendars.c.schedule_id == any_(ids("ids")))
    .order_by(schedule_calendars.c.schedule_id, schedule_calendars.c.calendar_id)
)
# As text: reading it is what costs, and the same text is read once.
EXCLUSIONS = select(
    calendars.c.id, calendars.c.name, calendars.c.timezone, cast(calendars.c.exclusions, Text).label("exclusions")
).where(calendars.c.id == any_(ids("ids")))

# A relative schedule's delay counts from its last run and not from an edit: what it has planned is judged when due.
LOCK_USERS = (
    select(schedules.c.id)
    .join(schedule_calendars, schedule_calendars.c.schedule_id == schedules.c.id)
    .where(
        schedules.c.user_id == bindparam("user"),
        schedule_calendars.c.calendar_id == bindparam("key"),
        schedules.c.schedule_status.in_([ScheduleStatus.PENDING.value, ScheduleStatus.PROCESSING.value]),
        schedules.c.schedule_type != ScheduleType.RELATIVE.value,
    )
    .order_by(schedules.c.id)
    .with_for_update(of=schedules, key_share=True)
)
_PLANNED = (
    triggers.c.status == TriggerStatus.SCHEDULED.value,
    triggers.c.attempt == 0,
    triggers.c.kind == "planned",
    triggers.c.hold.is_(None),
)
_due = (
    select(func.min(triggers.c.due_at) - literal_column("interval '1 microsecond'"))
    .where(triggers.c.schedule_id == schedules.c.id, *_PLANNED)
    .scalar_subquery()
)
# From what was planned on, should that be due by now: an edit of a calendar loses no occurrence.
REPLAN = (
    update(schedules)
    .where(schedules.c.user_id == bindparam("user"), schedules.c.id == any_(ids("ids")))
    .values(
        schedule_status=ScheduleStatus.PENDING.value,
        active_since=func.least(bindparam("now", type_=INSTANT), _due),
        exhausted=False,
    )
)
CANCEL = (
    update(triggers)
    .where(triggers.c.user_id == bindparam("user"), triggers.c.schedule_id == any_(ids("ids")), *_PLANNED)
    .values(
        status=TriggerStatus.CANCELLED.value,
        **NOT_HELD,
        reason=bindparam("why"),
        finished_at=bindparam("now", type_=INSTANT),
    )
)


def create(connection: Connection, user_id: UserId, row: Mapping[str, Any], exclusions: Exclusions) -> StoredCalendar:
    """A new calendar of this user; raises ``Conflict`` when one of that name exists."""
    values = {**row, "exclusions": written(exclusions), "user_id": user_id}
    return _stored(connection.execute(CREATE, values).one())


def read_list(connection: Connection, user_id: UserId, filters: Mapping[str, Any], part: Slice) -> Page[StoredCalendar]:
    """The user's calendars, oldest first."""
    statement = narrowed(LIST, FILTERS, filters)
    return read_page(connection, statement, {**filters, "user": user_id}, part, _stored)


def find(connection: Connection, user_id: UserId, calendar_id: CalendarId) -> StoredCalendar | None:
    """The user's calendar with this id."""
    row = connection.execute(FIND, {"user": user_id, "key": calendar_id}).one_or_none()
    return _stored(row) if row else None


def lock(connection: Connection, user_id: UserId, calendar_id: CalendarId) -> StoredCalendar | None:
    """The same, held until the transaction ends."""
    row = connection.execute(LOCK, {"user": user_id, "key": calendar_id}).one_or_none()
    return _stored(row) if row else None


def change(
    connection: Connection,
    user_id: UserId,
    calendar_id: CalendarId,
    row: Mapping[str, Any],
    exclusions: Exclusions,
) -> StoredCalendar:
    """Write these columns of a locked calendar; raises ``Conflict`` when another one has that name."""
    values = {**row, "exclusions": written(exclusions), "user": user_id, "key": calendar_id}
    return _stored(connection.execute(CHANGE, values).one())


def remove(connection: Connection, user_id: UserId, calendar_id: CalendarId) -> bool:
    """Delete the calendar; raises ``Conflict`` while a schedule uses it."""
    return connection.execute(DELETE, {"user": user_id, "key": calendar_id}).rowcount == 1


def hold(connection: Connection, user_id: UserId, calendar_ids: Sequence[CalendarId]) -> set[CalendarId]:
    """Which of these the user has; they stay as they are until the transaction ends."""
    if not calendar_ids:
        return set()
    return set(connection.execute(HOLD, {"user": user_id, "ids": list(calendar_ids)}).scalars())


def link(connection: Connection, user_id: UserId, schedule_id: ScheduleId, calendar_ids: Sequence[CalendarId]) -> None:
    """These, and no others, are the calendars of a locked schedule."""
    key: dict[str, Any] = {"user": user_id, "key": schedule_id}
    connection.execute(UNLINK, key)
    if calendar_ids:
        connection.execute(LINK, key | bound(_link, [(calendar_id,) for calendar_id in calendar_ids]))


def of_schedules(connection: Connection, schedule_ids: Sequence[ScheduleId]) -> dict[ScheduleId, tuple[Calendar, ...]]:
    """The calendars of these schedules, ready to be asked; schedules without one are left out."""
    links = connection.execute(LINKS, {"ids": list(schedule_ids)}).all() if schedule_ids else []
    if not links:
        return {}
    found = connection.execute(EXCLUSIONS, {"ids": sorted({row.calendar_id for row in links})})
    known = {row.id: _calendar(row.name, row.timezone, row.exclusions) for row in found}
    answer: dict[ScheduleId, tuple[Calendar, ...]] = {}
    for row in links:
        answer[row.schedule_id] = (*answer.get(row.schedule_id, ()), known[row.calendar_id])
    return answer


def of_ids(connection: Connection, user_id: UserId, calendar_ids: Sequence[CalendarId]) -> tuple[Calendar, ...]:
    """These calendars of the user, ready to be asked."""
    found = connection.execute(EXCLUSIONS.where(_OWNED), {"ids": list(calendar_ids), "user": user_id})
    return tuple(_calendar(row.name, row.timezone, row.exclusions) for row in found)


def replan_users(connection: Connection, user_id: UserId, calendar_id: CalendarId, why: str, now: datetime) -> int:
    """Have the schedules of a locked calendar planned anew and cancel what they have planned; answers how many."""
    users = list(connection.execute(LOCK_USERS, {"user": user_id, "key": calendar_id}).scalars())
    if users:
        connection.execute(REPLAN, {"user": user_id, "ids": users, "now": now})
        connection.execute(CANCEL, {"user": user_id, "ids": users, "why": why, "now": now})
    return len(users)


def written(exclusions: Exclusions) -> JsonObject:
    """As they are stored: {"spans": [[start, end]], "weekly": [[days, starts, ends]]}."""
    weekly: list[JsonValue] = [[sorted(each.days), each.starts, each.ends] for each in exclusions.weekly]
    return {"spans": [list(span) for span in exclusions.spans], "weekly": weekly}


@lru_cache(maxsize=256)
def _calendar(name: str, timezone: str, exclusions: str) -> Calendar:
    read = exclusions_of(json.loads(exclusions))
    return Calendar(name, timezone, read.spans, read.weekly)


def exclusions_of(stored: Mapping[str, Any]) -> Exclusions:
    """What was ``written``."""
    spans = tuple((start, end) for start, end in stored.get("spans", ()))
    weekly = tuple(Window(frozenset(days), starts, ends) for days, starts, ends in stored.get("weekly", ()))
    return Exclusions(spans, weekly)


def _stored(row: Any) -> StoredCalendar:
    return StoredCalendar(**row._mapping)
