"""SQL of runs that their users ask for beside the timetable: one now, or those of a time that has passed."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, any_, bindparam, delete, func, select, union_all, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from shared.schedule import Schedule
from shared.store.arrays import INSTANT, bound, rows
from shared.store.holds import NOT_HELD
from shared.store.tables import ledger, triggers
from shared.trigger import TriggerId, TriggerKind, TriggerStatus
from shared.user import UserId

TICK = timedelta(microseconds=1)
_CALLED_OFF = (TriggerStatus.SKIPPED.value, TriggerStatus.CANCELLED.value)


def _never_ran(table: FromClause) -> ColumnElement[bool]:
    """An occurrence that was called off before any executor held it is the only one that may be decided again."""
    return table.c.status.in_(_CALLED_OFF) & (table.c.attempt == 0)


RUN_NOW = insert(triggers).on_conflict_do_nothing(index_elements=["schedule_id", "due_at"]).returning(triggers.c.id)


def _these(table: FromClause) -> tuple[ColumnElement[bool], ...]:
    return (
        table.c.user_id == bindparam("user"),
        table.c.schedule_id == bindparam("key"),
        table.c.due_at == any_(bindparam("times", type_=ARRAY(INSTANT))),
    )


DECIDED = union_all(*(select(table.c.due_at).where(*_these(table), ~_never_ran(table)) for table in (triggers, ledger)))
LINE_END = select(func.max(triggers.c.next_attempt_at)).where(
    triggers.c.user_id == bindparam("user"), triggers.c.status == "scheduled", triggers.c.kind == "backfill"
)
# What the ledger says of an occurrence is said anew once it has run.
FORGET = delete(ledger).where(*_these(ledger), _never_ran(ledger))
_wanted = rows("wanted", due_at=INSTANT, next_attempt_at=INSTANT)
_new = insert(triggers).from_select(
    [
        *("user_id", "schedule_id", "action_id", "schedule_version", "priority", "kind"),
        *("due_at", "next_attempt_at", "created_at"),
    ],
    select(
        bindparam("user", type_=triggers.c.user_id.type),
        bindparam("key", type_=triggers.c.schedule_id.type),
        bindparam("action", type_=triggers.c.action_id.type),
        bindparam("version", type_=triggers.c.schedule_version.type),
        bindparam("priority", type_=triggers.c.priority.type),
        bindparam("kind", type_=triggers.c.kind.type),
        _wanted.c.due_at,
        _wanted.c.next_attempt_at,
        bindparam("now", type_=INSTANT),
    ).select_from(_wanted),
)
BACKFILL = _new.on_conflict_do_update(
    index_elements=["schedule_id", "due_at"],
    set_={
        "status": TriggerStatus.SCHEDULED.value,
        "reason": None,
        "finished_at": None,
        "queued_at": None,
        "resend_at": None,
        "sends": 0,
        "kind": _new.excluded.kind,
        "action_id": _new.excluded.action_id,
        "schedule_version": _new.excluded.schedule_version,
        "priority": _new.excluded.priority,
        "next_attempt_at": _new.excluded.next_attempt_at,
    },
    where=_never_ran(triggers),
).returning(triggers.c.id)

CANCEL = (
    update(triggers)
    .where(
        triggers.c.user_id == bindparam("user"),
        triggers.c.id == bindparam("key"),
        triggers.c.status.in_([TriggerStatus.SCHEDULED.value, TriggerStatus.QUEUED.value]),
    )
    .values(
        status=TriggerStatus.CANCELLED.value,
        reason=bindparam("why"),
        finished_at=bindparam("now", type_=INSTANT),
        **NOT_HELD,
    )
    .returning(triggers.c.id)
)


def run_now(connection: Connection, schedule: Schedule, given: Mapping[str, Any] | None, now: datetime) -> TriggerId:
    """A manual trigger of a locked schedule, due at ``now`` or, where that instant is taken, right after it."""
    row: dict[str, Any] = {
        "user_id": schedule.user_id,
        "schedule_id": schedule.id,
        "action_id": schedule.action_id,
        "schedule_version": schedule.version,
        "priority": schedule.priority,
        "kind": TriggerKind.MANUAL.value,
        "next_attempt_at": now,
        "created_at": now,
    }
    # The timetable has the whole seconds.
    due_at = now if now.microsecond else now + TICK
    while (made := connection.execute(RUN_NOW, {**row, "due_at": due_at, "input": given}).scalar()) is None:
        due_at += TICK
    return TriggerId(made)


def decided(connection: Connection, schedule: Schedule, times: Sequence[datetime]) -> set[datetime]:
    """Which of these due times have an outcome, or are on their way to one."""
    parameters = {"user": schedule.user_id, "key": schedule.id, "times": list(times)}
    return set(connection.execute(DECIDED, parameters).scalars())


def line_end(connection: Connection, user_id: UserId) -> datetime | None:
    """When the last of the user's waiting backfills may be dispatched."""
    end: datetime | None = connection.execute(LINE_END, {"user": user_id}).scalar()
    return end


def backfill(
    connection: Connection, schedule: Schedule, wanted: Sequence[tuple[datetime, datetime]], now: datetime
) -> int:
    """Triggers of a locked schedule for (due time, earliest dispatch); answers how many were not decided meanwhile."""
    own = {"user": schedule.user_id, "key": schedule.id}
    connection.execute(FORGET, {**own, "times": [due_at for due_at, _ in wanted]})
    definition = {
        "action": schedule.action_id,
        "version": schedule.version,
        "priority": schedule.priority,
        "kind": TriggerKind.BACKFILL.value,
        "now": now,
    }
    return len(connection.execute(BACKFILL, {**own, **definition, **bound(_wanted, wanted)}).all())


def cancel(connection: Connection, user_id: UserId, trigger_id: TriggerId, why: str, now: datetime) -> bool:
    """Cancel the trigger if nobody executes it yet."""
    parameters = {"user": user_id, "key": trigger_id, "why": why, "now": now}
    return connection.execute(CANCEL, parameters).one_or_none() is not None
