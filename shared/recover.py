"""Recover: what was sent and never started is sent again; what died while it ran is tried again or ends."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.dispatch import send
from shared.failpoints import reach
from shared.packs import as_before
from shared.schedule import Overlap, ScheduleId
from shared.services import Services
from shared.store import dispatching, following, overlapping, recovering
from shared.trigger import TriggerId, leads_on

log = logging.getLogger("cronny.recover")

BATCH = 1000
# So often a trigger's executor may die before it is the trigger that is to blame. Tries of its jobs are counted apart.
MAX_CRASHES = 3
LOST = "The executor of attempt {} was lost before it could record an outcome."
TRY_AGAIN = " Another attempt follows."
LAST_ONE = " That was the last attempt: {} executors were lost with it."
MAYBE_SENT = " Its job {} may have been delivered and is sent at most once, so there is no other attempt."
GOES_ON = " Its job {} may have been delivered and is sent at most once; another attempt goes on without it."
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
    2. Triggers whose lease ran out go back to the timetable, alone, or fail after ``MAX_CRASHES``; the executor that
       lost them is fenced by its attempt number, should it still be alive. A crash before the COMMIT changes nothing.
    """
    speed = services.clock.speed
    with services.database.begin() as connection:
        unclaimed = dispatching.take_unclaimed(connection, now, BATCH, speed)
        if __debug__ and unclaimed:
            reach("recover.resend_written", connection)
    if unclaimed:
        if __debug__:
            reach("recover.resend_committed")
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
        lost = recovering.lock_lost(connection, now, BATCH)
        if __debug__ and lost:
            reach("recover.lost_locked", connection)
        for row in lost:
            ends, ending = _ending(row)
            reason = LOST.format(row.attempt) + ending
            log.warning("trigger %s: %s", row.id, reason)
            (over if ends else again).append((row.id, reason))
            if ends and row.overlap != Overlap.ALLOW:
                awaited.append(row.schedule_id)
            if ends and leads_on(row.schedule_type, row.kind, row.redrives):
                relative.append(row.schedule_id)
        recovering.retry(connection, again, now)
        recovering.fail(connection, over, now)
        following.plan_after(connection, relative, now)
        overlapping.wake(connection, awaited, now, services.clock.speed)
        if __debug__ and lost:
            reach("recover.lost_written", connection)
    if __debug__ and lost:
        reach("recover.lost_committed")
    return len(again), len(over)


def _ending(row: Any) -> tuple[bool, str]:
    """Whether there is no other attempt, and a sentence that says so; ``crashes`` does not count this one yet."""
    last = row.crashes + 1 >= MAX_CRASHES
    if row.sending_job_id is not None:
        job = row.sending_job or "that was deleted meanwhile"
        ends = row.changed or last or not row.forks
        return ends, (MAYBE_SENT if ends else GOES_ON).format(job)
    if row.changed:
        return True, CHANGED
    return (True, LAST_ONE.format(MAX_CRASHES)) if last else (False, TRY_AGAIN)
