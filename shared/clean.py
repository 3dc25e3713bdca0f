"""Clean: what retention no longer keeps goes, in small batches."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.failpoints import reach
from shared.services import Services
from shared.store import (
    Connection,
    breakers,
    cleaning,
    dead_messages,
    kept_answers,
    login_failures,
    putting_away,
    request_rates,
    sessions,
    tallying,
)
from shared.store.cleaning import Progress
from shared.store.services import forget_silent
from shared.trigger import TriggerId

BATCH = 5000
# More than the executions of one batch, so that all that one batch pushes out of a job's newest is looked at.
TRIM_BATCH = 10_000
USERS = 500
# Finished triggers keep all details for a day; then those whose executions are gone shrink to a ledger row. A real day:
# in fast time, too, somebody wants to look at them.
DETAILS_KEPT = timedelta(days=1)
SILENT_AFTER = timedelta(days=1)
# What was discarded is looked at again for that long: a transaction may commit later than the instant that it wrote.
SLOW_COMMIT = timedelta(minutes=5)
MESSAGES_KEPT = timedelta(days=14)
A_DAY = timedelta(days=1)


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

    1. Put away dead letters that their owners' plans keep no longer.
    2. Of each job that ran since the last batch, delete executions beyond the newest N and the newest N failures; of
       each dead letter that was put away, what it had kept beyond that.
    3. Turn finished triggers without executions into ledger rows.
    4. Delete what has expired, and move the bookmarks. A crash before the COMMIT repeats the batch.
    Breakers that nothing happened to for a day are forgotten: users may call a new host each time. So are instances
    that were silent for that long; what connections counted that are gone is added together.
    """
    speed, real_now = services.clock.speed, services.clock.real_now()
    horizon = now - DETAILS_KEPT * speed
    with services.database.begin() as connection:
        progress = cleaning.lock_progress(connection)
        if progress is None:
            return NOTHING
        lapsed, next_user = putting_away.lapse(connection, progress.user_id, USERS, now, BATCH)
        trimmed = _trim(connection, services, progress, now)
        if __debug__:
            reach("clean.trimmed", connection)
        old = cleaning.finished(connection, progress.finished_at, horizon, BATCH)
        seen = old[-1].finished_at if old else progress.finished_at
        compacted = cleaning.compact(connection, [*trimmed.triggers, *(row.id for row in old)], seen)
        expired = cleaning.expire(connection, now, BATCH) + cleaning.forget_schedules(connection, horizon, BATCH)
        expired += dead_messages.forget(connection, now - MESSAGES_KEPT * speed, BATCH)
        expired += breakers.forget(connection, horizon, BATCH)
        expired += _forget_of_the_api(connection, real_now)
        forget_silent(connection, now - SILENT_AFTER * speed)
        tallying.fold(connection)
        cleaning.advance(connection, Progress(trimmed.execution_id, seen, trimmed.discarded_at, next_user))
        if __debug__:
            reach("clean.written", connection)
    if __debug__:
        reach("clean.committed")
    more = trimmed.more or lapsed >= BATCH or len(old) >= BATCH or expired >= BATCH
    return Cleaned(trimmed.executions, compacted, expired, more)


def _forget_of_the_api(connection: Connection, real_now: datetime) -> int:
    """Answers, sessions, failed logins and limits that nobody can come back to."""
    expired = kept_answers.forget(connection, real_now, BATCH) + sessions.forget(connection, real_now, BATCH)
    expired += request_rates.forget(connection, real_now, BATCH)
    return expired + login_failures.forget(connection, real_now - A_DAY, BATCH)


@dataclass(frozen=True, slots=True)
class _Trimmed:
    """How many executions went, which triggers may be without any now, and how far that came."""

    executions: int
    triggers: list[TriggerId]
    execution_id: int
    discarded_at: datetime
    more: bool


def _trim(connection: Connection, services: Services, progress: Progress, now: datetime) -> _Trimmed:
    keep = services.settings.executions_per_job
    jobs, last, more_jobs = cleaning.recent_jobs(connection, progress.execution_id, BATCH)
    trimmed = cleaning.trim(connection, jobs, last, keep, TRIM_BATCH)
    discarded = putting_away.discarded(connection, progress.discarded_at, BATCH)
    away = [row.id for row in discarded]
    freed = putting_away.trim_of(connection, away, keep)
    settled = now - SLOW_COMMIT * services.clock.speed
    until = min(discarded[-1].discarded_at, settled) if len(discarded) >= BATCH else settled
    until = max(until, progress.discarded_at)
    # Jobs with more to trim than one batch takes are visited again before the bookmark passes them.
    again = len(trimmed) >= TRIM_BATCH
    return _Trimmed(
        executions=len(trimmed) + freed,
        triggers=[*trimmed, *away],
        execution_id=progress.execution_id if again else last,
        discarded_at=until,
        more=more_jobs or again or (len(discarded) >= BATCH and until > progress.discarded_at),
    )
