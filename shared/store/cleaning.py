"""SQL that removes what retention no longer keeps: small batches, each a transaction of its own, all by index.

The row of ``cleaner_progress`` is the cleaner's lock and its bookmark: a second cleaner finds it locked and leaves.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    any_,
    bindparam,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from shared.job import JobId
from shared.store.arrays import INSTANT, ids
from shared.store.tables import cleaner_progress, job_executions, ledger, plans, schedules, triggers, users
from shared.trigger import TriggerId
from shared.user import UserId

# Ids are handed out before they are committed: look again at the last few, or a slow commit would be passed over.
OVERLAP = 1000

_BOOKMARKS = (
    cleaner_progress.c.execution_id,
    cleaner_progress.c.finished_at,
    cleaner_progress.c.discarded_at,
    cleaner_progress.c.user_id,
)
PROGRESS = select(*_BOOKMARKS).with_for_update(skip_locked=True, key_share=True)
ADVANCE = update(cleaner_progress).values({column: bindparam(f"to_{column.name}") for column in _BOOKMARKS})

_recent = (
    select(job_executions.c.id, job_executions.c.job_id)
    .where(job_executions.c.id > bindparam("after"))
    .order_by(job_executions.c.id)
    .limit(bindparam("limit"))
    .subquery("recent")
)
RECENT = select(func.array_agg(_recent.c.job_id.distinct()), func.max(_recent.c.id), func.count())

_job = func.unnest(ids("jobs")).table_valued("id", name="job").render_derived()
_beyond = (
    select(job_executions.c.id, job_executions.c.trigger_id)
    .where(job_executions.c.job_id == _job.c.id, job_executions.c.id <= bindparam("last"))
    .order_by(job_executions.c.id.desc())
    .offset(bindparam("keep"))
    .limit(bindparam("limit"))
    .lateral("beyond")
)
_kept_failure = (
    select(job_executions.c.id)
    .where(job_executions.c.job_id == _job.c.id, job_executions.c.status == "failed")
    .order_by(job_executions.c.id.desc())
    .limit(bindparam("keep"))
    .correlate(_job)
)
_dead = (triggers.c.status == literal_column("'failed'")) & triggers.c.discarded_at.is_(None)
# Another attempt, and whoever redrives it, need to know what was done. Asked row by row: an anti join would read the
# whole table of triggers, of which PostgreSQL cannot know how few are meant.
_needed = (
    select(or_(triggers.c.finished_at.is_(None), _dead))
    .where(triggers.c.id == _beyond.c.trigger_id)
    .correlate(_beyond)
    .scalar_subquery()
)
# The newest N of each job stay, and so do its newest N failures: successes never push the evidence out.
TRIM = (
    delete(job_executions)
    .where(
        job_executions.c.id
        == any_(
            func.array(
                select(_beyond.c.id)
                .select_from(_job.join(_beyond, true()))
                .where(_beyond.c.id.not_in(_kept_failure), _needed.is_(False))
                .limit(bindparam("limit"))
                .scalar_subquery()
            )
        )
    )
    .returning(job_executions.c.trigger_id)
)

FINISHED = (
    select(triggers.c.id, triggers.c.finished_at)
    .where(triggers.c.finished_at > bindparam("after", type_=INSTANT))
    .where(triggers.c.finished_at <= bindparam("before", type_=INSTANT))
    .order_by(triggers.c.finished_at)
    # With ties: triggers that ended in one statement share an instant, and the bookmark must not part them.
    .fetch(bindparam("limit"), with_ties=True)
)

_old = (
    delete(triggers)
    .where(
        triggers.c.id == any_(ids("ids")),
        triggers.c.finished_at <= bindparam("before", type_=INSTANT),
        ~_dead,
        ~exists().where(job_executions.c.trigger_id == triggers.c.id),
    )
    .returning(
        triggers.c.user_id,
        triggers.c.schedule_id,
        triggers.c.due_at,
        triggers.c.kind,
        triggers.c.status,
        triggers.c.reason,
        triggers.c.attempt,
        triggers.c.started_at,
        triggers.c.finished_at,
    )
    .cte("old")
)
COMPACT = (
    insert(ledger)
    .from_select(
        [*_old.c.keys(), "expires_at"],
        select(
            *_old.c, _old.c.finished_at + plans.c.history_days * literal_column("interval '1 day'", INSTANT)
        ).select_from(_old.join(users, users.c.id == _old.c.user_id).join(plans, plans.c.id == users.c.plan_id)),
    )
    .on_conflict_do_nothing()
)

EXPIRE = delete(ledger).where(
    tuple_(ledger.c.schedule_id, ledger.c.due_at).in_(
        select(ledger.c.schedule_id, ledger.c.due_at)
        .where(ledger.c.expires_at <= bindparam("now", type_=INSTANT))
        .order_by(ledger.c.expires_at)
        .limit(bindparam("limit"))
    )
)

FORGET_SCHEDULES = delete(schedules).where(
    schedules.c.id.in_(
        select(schedules.c.id)
        .where(
            schedules.c.deleted_at <= bindparam("before", type_=INSTANT),
            ~exists().where(triggers.c.schedule_id == schedules.c.id),
            ~exists().where(ledger.c.schedule_id == schedules.c.id),
        )
        .order_by(schedules.c.deleted_at)
        .limit(bindparam("limit"))
    )
)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the cleaner has come."""

    execution_id: int
    finished_at: datetime
    discarded_at: datetime
    user_id: UserId


def lock_progress(connection: Connection) -> Progress | None:
    """The bookmark, held until the transaction ends; None while another cleaner holds it."""
    row = connection.execute(PROGRESS).one_or_none()
    return None if row is None else Progress(*row)


def advance(connection: Connection, progress: Progress) -> None:
    """Move the bookmark."""
    connection.execute(ADVANCE, {f"to_{name}": value for name, value in asdict(progress).items()})


def recent_jobs(connection: Connection, after: int, limit: int) -> tuple[list[JobId], int, bool]:
    """Jobs that ran since execution ``after``, the id to go on from, and whether there is more."""
    jobs, last, count = connection.execute(RECENT, {"after": max(after - OVERLAP, 0), "limit": limit}).one()
    return [job for job in jobs or () if job is not None], max(last or 0, after), count == limit


def trim(connection: Connection, jobs: Sequence[JobId], last: int, keep: int, limit: int) -> list[TriggerId]:
    """Delete executions of these jobs, up to ``last``, beyond the newest ``keep`` and the newest ``keep`` failures.

    What unfinished triggers and dead letters did stays. At most ``limit``, looked for among the ``limit`` newest of
    each job; answers the trigger of each execution that went.
    """
    if not jobs:
        return []
    bounds = {"last": last, "keep": keep, "limit": limit}
    return list(connection.execute(TRIM, {"jobs": list(jobs), **bounds}).scalars())


def finished(connection: Connection, after: datetime, before: datetime, limit: int) -> Sequence[Any]:
    """Triggers that finished in that span, oldest first: (id, finished_at)."""
    return connection.execute(FINISHED, {"after": after, "before": before, "limit": limit}).all()


def compact(connection: Connection, trigger_ids: Sequence[TriggerId], before: datetime) -> int:
    """Turn those that finished by ``before`` and have no execution left into ledger rows; answers how many."""
    if not trigger_ids:
        return 0
    return connection.execute(COMPACT, {"ids": sorted(set(trigger_ids)), "before": before}).rowcount


def expire(connection: Connection, now: datetime, limit: int) -> int:
    """Delete ledger rows that are older than their owner's plan keeps."""
    return connection.execute(EXPIRE, {"now": now, "limit": limit}).rowcount


def forget_schedules(connection: Connection, before: datetime, limit: int) -> int:
    """Delete schedules that were deleted by their owner before that instant and have no history left."""
    return connection.execute(FORGET_SCHEDULES, {"before": before, "limit": limit}).rowcount
