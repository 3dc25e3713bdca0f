"""Many schedules at once, each by the rules of the single pause, resume and delete."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, assert_never

from shared.errors import Fault, Invalid
from shared.manage import quotas
from shared.manage.definition import PAUSE
from shared.manage.draft import Draft
from shared.manage.pauses import PAUSABLE, pause_faults, paused
from shared.manage.schedules import DELETED, MISSING, RESUMABLE
from shared.schedule import ScheduleId, ScheduleStatus
from shared.services import Services
from shared.store import Connection, bulk
from shared.user import UserId

MAX_SCHEDULES = 10_000
BATCH = 500
# What a client calls them.
WIRE = {"pause_note": "note", "resume_at": "resume_at"}


class BulkAction(StrEnum):
    """What is to be done to each."""

    PAUSE = "pause"
    RESUME = "resume"
    DELETE = "delete"


@dataclass(slots=True)
class BulkResult:
    """How many schedules were asked for, how many became different, and why the others that failed did."""

    matched: int = 0
    changed: int = 0
    unchanged: int = 0
    failures: list[tuple[ScheduleId, str]] = field(default_factory=list)


def change_many(services: Services, user_id: UserId, draft: Draft, filters: Draft | None) -> BulkResult:
    """Do ``action`` to ``ids``, or to what the filters match; of a pause more may be said. Raises ``Invalid``.

    In batches, each a transaction: a crash in between leaves the rest as it was, and asking again does the rest.
    """
    now = services.clock.now()
    Draft(draft.fields, (*draft.faults, *(filters.faults if filters else ()))).accept(_pause_faults(draft, now))
    if ("ids" in draft.fields) == (filters is not None):
        raise Invalid.field("ids", "say which schedules: either ids or filter")
    chosen = sorted(set(draft.fields["ids"])) if filters is None else _matching(services, user_id, filters)
    result = BulkResult(matched=len(chosen))
    for start in range(0, len(chosen), BATCH):
        with services.database.begin() as connection:
            _batch(connection, user_id, draft.fields, chosen[start : start + BATCH], now, result)
    return result


def _matching(services: Services, user_id: UserId, filters: Draft) -> list[ScheduleId]:
    with services.database.begin() as connection:
        found = bulk.matching(connection, user_id, filters.fields, MAX_SCHEDULES + 1)
    if len(found) > MAX_SCHEDULES:
        raise Invalid.field("filter", f"matches more than {MAX_SCHEDULES:,} schedules; narrow it")
    return found


def _batch(
    connection: Connection,
    user_id: UserId,
    asked: Mapping[str, Any],
    chosen: Sequence[ScheduleId],
    now: datetime,
    result: BulkResult,
) -> None:
    """1. The rows, 2. their triggers: in this order everywhere, so that nobody waits for each other in a ring."""
    action, said = asked["action"], {name: asked[name] for name in PAUSE if name in asked}
    refused: dict[ScheduleId, Fault] = {}
    if action is BulkAction.RESUME:
        quotas.hold(connection, user_id)
    statuses = bulk.lock(connection, user_id, chosen)
    concerned = [schedule_id for schedule_id, status in statuses.items() if _concerns(action, status)]
    match action:
        case BulkAction.PAUSE:
            bulk.pause(connection, user_id, concerned, said, now)
            bulk.cancel(connection, user_id, concerned, paused(said.get("pause_note")), now, PAUSABLE)
            if said:
                already = [schedule_id for schedule_id in statuses if schedule_id not in set(concerned)]
                bulk.explain(connection, user_id, already, said, now)
                concerned += already
        case BulkAction.RESUME:
            refused = quotas.resume_faults(connection, user_id, concerned, now)
            result.failures += [(schedule_id, fault.message) for schedule_id, fault in refused.items()]
            concerned = [schedule_id for schedule_id in concerned if schedule_id not in refused]
            bulk.resume(connection, user_id, concerned, now)
        case BulkAction.DELETE:
            bulk.remove(connection, user_id, concerned, now)
            bulk.cancel(connection, user_id, concerned, DELETED, now)
        case _:
            assert_never(action)
    result.changed += len(concerned)
    result.unchanged += len(statuses) - len(concerned) - len(refused)
    result.failures += [(schedule_id, MISSING) for schedule_id in chosen if schedule_id not in statuses]


def _pause_faults(draft: Draft, now: datetime) -> list[Fault]:
    if draft.fields.get("action", BulkAction.PAUSE) is BulkAction.PAUSE:
        return pause_faults(draft.fields, now)
    return [Fault(WIRE[name], "is of a pause only") for name in PAUSE if name in draft.fields]


def _concerns(action: BulkAction, status: ScheduleStatus) -> bool:
    if action is BulkAction.RESUME:
        return status in RESUMABLE
    return action is BulkAction.DELETE or status is not ScheduleStatus.INACTIVE
