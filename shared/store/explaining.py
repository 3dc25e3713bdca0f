"""SQL that finds what is written about an instant of a schedule, in triggers and in the ledger."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Text,
    bindparam,
    cast,
    null,
    select,
    union_all,
)

from shared.explain import Occurrence
from shared.schedule import ScheduleId
from shared.store.arrays import INSTANT
from shared.store.tables import ledger, schedules, triggers
from shared.trigger import Hold, TriggerId, TriggerKind, TriggerStatus
from shared.user import UserId

ONE_SECOND = timedelta(seconds=1)
_since, _until = bindparam("since", type_=INSTANT), bindparam("until", type_=INSTANT)


def _own(table: FromClause) -> tuple[ColumnElement[bool], ...]:
    return (table.c.user_id == bindparam("user"), table.c.schedule_id == bindparam("key"))


def _within(table: FromClause, trigger_id: ColumnElement[Any], hold: ColumnElement[Any]) -> Select[Any]:
    return select(
        trigger_id.label("trigger_id"),
        hold.label("hold"),
        table.c.due_at,
        table.c.kind,
        table.c.status,
        table.c.reason,
        table.c.attempt,
        table.c.started_at,
        table.c.finished_at,
    ).where(*_own(table), table.c.due_at >= _since, table.c.due_at < _until)


_found = union_all(
    _within(triggers, triggers.c.id, triggers.c.hold),
    _within(ledger, cast(null(), BigInteger), cast(null(), Text)),
).subquery()
# The very instant first, then the timetable's own occurrence, which is at the whole second; a trigger knows more than
# the ledger.
FOUND = (
    select(_found)
    .order_by(_found.c.due_at != bindparam("at", type_=INSTANT), _found.c.due_at, _found.c.trigger_id.nulls_last())
    .limit(1)
)


def _nearest(earlier: bool) -> Select[Any]:
    sides = []
    for table in (triggers, ledger):
        beyond = table.c.due_at < _since if earlier else table.c.due_at >= _until
        order = table.c.due_at.desc() if earlier else table.c.due_at
        sides.append(select(select(table.c.due_at).where(*_own(table), beyond).order_by(order).limit(1).subquery()))
    both = union_all(*sides).subquery()
    return select(both.c.due_at).order_by(both.c.due_at.desc() if earlier else both.c.due_at).limit(1)


BEFORE, AFTER = _nearest(earlier=True), _nearest(earlier=False)
ACTIVE_SINCE = select(schedules.c.active_since).where(
    schedules.c.user_id == bindparam("user"), schedules.c.id == bindparam("key")
)


def found(connection: Connection, user_id: UserId, schedule_id: ScheduleId, at: datetime) -> Occurrence | None:
    """The occurrence that is due at that instant, or else within its second."""
    parameters = _parameters(user_id, schedule_id, at.replace(microsecond=0)) | {"at": at}
    row = connection.execute(FOUND, parameters).one_or_none()
    return None if row is None else _occurrence(row)


def nearest(
    connection: Connection, user_id: UserId, schedule_id: ScheduleId, second: datetime
) -> tuple[datetime | None, datetime | None]:
    """The due times of the occurrences before and after that second that something is written about."""
    parameters = _parameters(user_id, schedule_id, second)
    return connection.execute(BEFORE, parameters).scalar(), connection.execute(AFTER, parameters).scalar()


def active_since(connection: Connection, user_id: UserId, schedule_id: ScheduleId) -> datetime:
    """Since when the schedule is what it is now."""
    instant: datetime = connection.execute(ACTIVE_SINCE, {"user": user_id, "key": schedule_id}).scalar_one()
    return instant


def _parameters(user_id: UserId, schedule_id: ScheduleId, second: datetime) -> dict[str, Any]:
    return {"user": user_id, "key": schedule_id, "since": second, "until": second + ONE_SECOND}


def _occurrence(row: Any) -> Occurrence:
    return Occurrence(
        None if row.trigger_id is None else TriggerId(row.trigger_id),
        row.due_at,
        TriggerKind(row.kind),
        TriggerStatus(row.status),
        row.reason,
        row.attempt,
        row.started_at,
        row.finished_at,
        Hold(row.hold) if row.hold else None,
    )
