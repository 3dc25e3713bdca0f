"""SQL of calendars whose events stand at a URL: who is to be asked, and what they said. Instants are real ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, any_, bindparam, select, update

from shared.calendars import CalendarId
from shared.exclusions import Exclusions
from shared.feed import Feed, next_fetch
from shared.job import JsonObject
from shared.store.arrays import INSTANT, ids
from shared.store.calendars import exclusions_of, written
from shared.store.tables import calendars
from shared.user import UserId

Columns = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Leased:
    """A calendar that is this process's to ask until ``until``; ``updated_at`` is when its owner last edited it."""

    id: CalendarId
    user_id: UserId
    timezone: str
    definition: JsonObject
    exclusions: Exclusions
    expanded_until: datetime
    feed: Feed
    failures: int
    updated_at: datetime
    until: datetime

    @property
    def url(self) -> str:
        """Whom to ask."""
        return str(self.definition["icalendar_url"])


# Whoever edits one of them right now, or asks, is not waited for.
DUE = (
    select(calendars)
    .where(calendars.c.fetch_at <= bindparam("now", type_=INSTANT))
    .order_by(calendars.c.fetch_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True, key_share=True)
)
LEASE = (
    update(calendars).where(calendars.c.id == any_(ids("ids"))).values(fetch_at=bindparam("to_until", type_=INSTANT))
)
SETTLE = update(calendars).where(
    calendars.c.id == bindparam("key"),
    calendars.c.fetch_at == bindparam("leased_until", type_=INSTANT),
    calendars.c.updated_at == bindparam("seen", type_=INSTANT),
)
TEXT = select(calendars.c.feed).where(calendars.c.user_id == bindparam("user"), calendars.c.id == bindparam("key"))

# Of a calendar without a URL.
NONE: Columns = {
    **dict.fromkeys(("feed", "feed_etag", "feed_modified", "fetched_at", "fetch_error", "fetch_at")),
    "fetch_failures": 0,
}


def lease(connection: Connection, now: datetime, until: datetime, limit: int) -> list[Leased]:
    """Calendars that are to be asked by now, those that wait longest first; nobody else asks them before ``until``."""
    due = connection.execute(DUE, {"now": now, "limit": limit}).all()
    if due:
        connection.execute(LEASE, {"ids": [row.id for row in due], "to_until": until})
    return [_leased(row, until) for row in due]


def settle(connection: Connection, leased: Leased, columns: Columns) -> bool:
    """Write what was found, unless somebody has edited the calendar or asked meanwhile; it stays locked."""
    key = {"key": leased.id, "leased_until": leased.until, "seen": leased.updated_at}
    return connection.execute(SETTLE, {**columns, **key}).rowcount == 1


def text(connection: Connection, user_id: UserId, calendar_id: CalendarId) -> str:
    """What the calendar's URL said last; empty without one."""
    return connection.execute(TEXT, {"user": user_id, "key": calendar_id}).scalar_one_or_none() or ""


def fetched(feed: Feed, now: datetime, chance: float) -> Columns:
    """The columns of a calendar whose URL has just said this."""
    return {
        "feed": feed.text,
        "feed_etag": feed.etag,
        "feed_modified": feed.modified,
        "fetched_at": now,
        "fetch_error": None,
        "fetch_failures": 0,
        "fetch_at": next_fetch(now, 0, chance),
    }


def failed(error: str, failures: int, now: datetime, chance: float) -> Columns:
    """The same when it cannot be asked, so many times in a row: what it said last counts."""
    return {"fetch_error": error, "fetch_failures": failures, "fetch_at": next_fetch(now, failures, chance)}


def expanded(exclusions: Exclusions, until: datetime) -> Columns:
    """The columns of what a calendar excludes."""
    return {"exclusions": written(exclusions), "expanded_until": until}


def _leased(row: Any, until: datetime) -> Leased:
    return Leased(
        id=row.id,
        user_id=row.user_id,
        timezone=row.timezone,
        definition=row.definition,
        exclusions=exclusions_of(row.exclusions),
        expanded_until=row.expanded_until,
        feed=Feed(row.feed, row.feed_etag, row.feed_modified),
        failures=row.fetch_failures,
        updated_at=row.updated_at,
        until=until,
    )
