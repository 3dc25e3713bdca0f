"""SQL that shows triggers to their owners."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, select

from shared.paging import Page, Slice
from shared.store.paging import Filters, narrowed, read_page
from shared.store.tables import triggers
from shared.trigger import Hold, Trigger, TriggerId, TriggerKind, TriggerStatus
from shared.user import UserId

VIEW = select(
    triggers.c.id,
    triggers.c.user_id,
    triggers.c.schedule_id,
    triggers.c.action_id,
    triggers.c.due_at,
    triggers.c.kind,
    triggers.c.status,
    triggers.c.reason,
    triggers.c.attempt,
    triggers.c.crashes,
    triggers.c.next_attempt_at,
    triggers.c.created_at,
    triggers.c.queued_at,
    triggers.c.started_at,
    triggers.c.finished_at,
    triggers.c.hold,
    triggers.c.redrives,
    triggers.c.discarded_at,
).where(triggers.c.user_id == bindparam("user"))
FIND = VIEW.where(triggers.c.id == bindparam("key"))
FILTERS: Filters = {
    "schedule_id": triggers.c.schedule_id == bindparam("schedule_id"),
    "action_id": triggers.c.action_id == bindparam("action_id"),
    "status": triggers.c.status == bindparam("status"),
    "since": triggers.c.due_at >= bindparam("since"),
    "until": triggers.c.due_at < bindparam("until"),
}


def read_list(connection: Connection, user_id: UserId, filters: Mapping[str, Any], part: Slice) -> Page[Trigger]:
    """The user's triggers, newest first; ``since`` and ``until`` bound their due time."""
    statement = narrowed(VIEW, FILTERS, filters)
    return read_page(connection, statement, {**filters, "user": user_id}, part, read, newest_first=True)


def find(connection: Connection, user_id: UserId, trigger_id: TriggerId) -> Trigger | None:
    """The user's trigger with this id."""
    row = connection.execute(FIND, {"user": user_id, "key": trigger_id}).one_or_none()
    return read(row) if row else None


def read(row: Any) -> Trigger:
    """A row of ``VIEW``."""
    words = {"kind": TriggerKind(row.kind), "status": TriggerStatus(row.status)}
    return Trigger(**{**row._mapping, **words, "hold": Hold(row.hold) if row.hold else None})
