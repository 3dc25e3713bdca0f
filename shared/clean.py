"""Clean: what retention no longer keeps goes, in small batches."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.failpoints import reach
from shared.services import Services
from shared.store import cleaning
from shared.store.cleaning import Progress
from shared.store.services import forget_silent

BATCH = 5000
PER_JOB = 1000
# Finished triggers keep all details for a day; then those whose executions are gone shrink to a ledger row. A real day:
# in fast time, too, somebody wants to look at them.
DETAILS_KEPT = timedelta(days=1)
SILENT_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What one batch removed; ``more`` says whether another batch is worth a look."""

    executions: int
    compacted: int
    expired: int
    more: bool


NOTHING = Cleaned(0, 0, 0, more=False)


def clean(services: Services, now: datetime) -> Cleaned:
    """Clean one batch in one transaction; nothing at all while another cleaner is at it.

    1. Of each job that ran since the last batch, delete executions beyond the newest N and the newest N failures.
    2. Turn finished triggers without executions into ledger rows.
    3. Delete what has expired, and move the bookmark. A crash before the COMMIT repeats the batch.
    """
    keep, speed = services.settings.executions_per_job, services.clock.speed
    with services.database.begin() as connection:
        progress = cleaning.lock_progress(connection)
        if progress is None:
            return NOTHING
        jobs, last, more_jobs = cleaning.recent_jobs(connection, progress.execution_id, BATCH)
        trimmed = cleaning.trim(connection, jobs, keep, PER_JOB)
        if __debug__:
            reach("clean.trimmed", connection)
        horizon = now - DETAILS_KEPT * speed
        old = cleaning.finished(connection, progress.finished_at, horizon, BATCH)
        seen = old[-1].finished_at if old else progress.finished_at
        compacted = cleaning.compact(connection, [*trimmed, *(row.id for row in old)], seen)
        expired = cleaning.expire(connection, now, BATCH) + cleaning.forget_schedules(connection, horizon, BATCH)
        forget_silent(connection, now - SILENT_AFTER * speed)
        # A job with more to trim than one batch takes is visited again before the bookmark passes it.
        more_of_a_job = len(trimmed) >= PER_JOB
        cleaning.advance(connection, Progress(progress.execution_id if more_of_a_job else last, seen))
        if __debug__:
            reach("clean.written", connection)
    if __debug__:
        reach("clean.committed")
    more = more_jobs or more_of_a_job or len(old) >= BATCH or expired >= BATCH
    return Cleaned(len(trimmed), compacted, expired, more)
