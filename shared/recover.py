"""Recover: what was sent and never started is sent again; what died while it ran is tried again or ends."""

import logging
from dataclasses import dataclass
from datetime import datetime

from shared.dispatch import send
from shared.packs import as_before
from shared.schedule import Overlap, ScheduleId, ScheduleType
from shared.services import Services
from shared.store import dispatching, following, overlapping, recovering
from shared.trigger import TriggerId, TriggerKind

log = logging.getLogger("cronny.recover")

BATCH = 1000
MAX_ATTEMPTS = 3
LOST = "The executor of attempt {} was lost before it could record an outcome."
TRY_AGAIN = " Another attempt follows."
LAST_ONE = " That was the last attempt."
CHANGED = " The schedule was paused, edited or deleted meanwhile, so there is no other attempt."


@dataclass(frozen=True, slots=True)
class Recovered:
    """What one batch did; ``more`` says whether another batch is worth a look."""

    resent: int
    retried: int
    failed: int
    more: bool


def recover(services: Services, now: datetime) -> Recovered:
    """Recover one batch.

    1. Put off the next sending of queued triggers nobody claimed. COMMIT, then send them. A crash in between costs
       one more waiting time.
    2. Triggers whose lease ran out go back to the timetable, alone, or fail after ``MAX_ATTEMPTS``; the executor that
       lost them is fenced by its attempt number, should it still be alive.
    """
    speed = services.clock.speed
    with services.database.begin() as connection:
        unclaimed = dispatching.take_unclaimed(connection, now, BATCH, speed)
    if unclaimed:
        log.warning("%s queued triggers were not claimed in time and are sent again", len(unclaimed))
        send(services, as_before((row.id, row.pack) for row in unclaimed), now)
    retried, failed = _recover_lost(services, now)
    return Recovered(len(unclaimed), retried, failed, BATCH in (len(unclaimed), retried + failed))


def _recover_lost(services: Services, now: datetime) -> tuple[int, int]:
    again: list[tuple[TriggerId, str]] = []
    over: list[tuple[TriggerId, str]] = []
    relative: list[ScheduleId] = []
    awaited: list[ScheduleId] = []
    with services.database.begin() as connection:
        for row in recovering.lock_lost(connection, now, BATCH):
            ending = CHANGED if row.changed else LAST_ONE if row.attempt >= MAX_ATTEMPTS else TRY_AGAIN
            reason = LOST.format(row.attempt) + ending
            log.warning("trigger %s: %s", row.id, reason)
            (again if ending is TRY_AGAIN else over).append((row.id, reason))
            if ending is not TRY_AGAIN and row.overlap != Overlap.ALLOW:
                awaited.append(row.schedule_id)
            leads_on = row.schedule_type == ScheduleType.RELATIVE and row.kind == TriggerKind.PLANNED
            if ending is not TRY_AGAIN and leads_on:
                relative.append(row.schedule_id)
        recovering.retry(connection, again, now)
        recovering.fail(connection, over, now)
        following.plan_after(connection, relative, now)
        overlapping.wake(connection, awaited, now, services.clock.speed)
    return len(again), len(over)
