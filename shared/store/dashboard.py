"""SQL that sums up one user's things."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, literal_column, select, union_all

from shared.store.arrays import INSTANT
from shared.store.tables import actions, breakers, job_templates, jobs, ledger, schedules, triggers
from shared.user import UserId

OVERDUE_AFTER = timedelta(seconds=5)
RECENT_LIMIT = 20

_user: Any = bindparam("user")
_since = bindparam("since", type_=INSTANT)
_live_schedules = (schedules.c.user_id == _user, schedules.c.deleted_at.is_(None))


def _count(table: Any, *conditions: Any) -> Any:
    return select(func.count()).select_from(table).where(*(conditions or (table.c.user_id == _user,))).scalar_subquery()


TOTALS = select(
    _count(schedules, *_live_schedules).label("schedules"),
    _count(actions).label("actions"),
    _count(jobs).label("jobs"),
    _count(job_templates).label("job_templates"),
    _count(triggers).label("triggers"),
)
JOB_TYPES = select(jobs.c.job_type, func.count()).where(jobs.c.user_id == _user).group_by(jobs.c.job_type)
STATUSES = (
    select(schedules.c.schedule_status, func.count()).where(*_live_schedules).group_by(schedules.c.schedule_status)
)
RECENT = (
    select(
        triggers.c.id,
        triggers.c.schedule_id,
        schedules.c.name,
        triggers.c.due_at,
        triggers.c.status,
        triggers.c.reason,
        triggers.c.started_at,
        triggers.c.finished_at,
    )
    .join(schedules, schedules.c.id == triggers.c.schedule_id)
    .where(triggers.c.user_id == _user, triggers.c.status.not_in(["scheduled", "cancelled"]))
    .order_by(triggers.c.id.desc())
    .limit(bindparam("limit"))
)

# What the cleaner made a ledger row of counts as well. By due time, which is the second half of the ledger's key.
_occurrences = union_all(
    select(triggers.c.status, triggers.c.kind, triggers.c.due_at, triggers.c.started_at).where(
        triggers.c.user_id == _user, triggers.c.due_at >= _since
    ),
    select(ledger.c.status, ledger.c.kind, ledger.c.due_at, ledger.c.started_at)
    .join(schedules, schedules.c.id == ledger.c.schedule_id)
    .where(schedules.c.user_id == _user, ledger.c.due_at >= _since),
).subquery("occurrences")
_lateness = func.extract("epoch", _occurrences.c.started_at - _occurrences.c.due_at)
# A backfill is late by intent.
_started = _occurrences.c.started_at.is_not(None) & (_occurrences.c.kind != "backfill")
DAY = select(
    func.count().filter(_occurrences.c.status == "completed").label("completed"),
    func.count().filter(_occurrences.c.status == "failed").label("failed"),
    func.count().filter(_occurrences.c.status == "skipped").label("skipped"),
    func.percentile_cont(0.5).within_group(_lateness).filter(_started).label("p50"),
    func.percentile_cont(0.99).within_group(_lateness).filter(_started).label("p99"),
)
# Written out: as two bound values, what is selected and what is grouped by would not be the same to PostgreSQL.
_hour = func.date_trunc(literal_column("'hour'"), _occurrences.c.due_at)
HOURS = (
    select(
        _hour.label("hour"),
        func.count().label("fires"),
        func.count().filter(_occurrences.c.status == "failed").label("failed"),
    )
    .where(_started)
    .group_by(_hour)
)
BACKLOG = select(
    func.count()
    .filter(triggers.c.status == "scheduled", triggers.c.next_attempt_at < bindparam("overdue", type_=INSTANT))
    .label("overdue"),
    func.count().filter(triggers.c.status == "queued").label("queued"),
    func.count().filter(triggers.c.status == "executing").label("executing"),
    func.min(triggers.c.queued_at).filter(triggers.c.status == "queued").label("queued_since"),
).where(triggers.c.user_id == _user, triggers.c.status.in_(["scheduled", "queued", "executing"]))
OPEN_BREAKERS = select(func.count()).where(breakers.c.user_id == _user, breakers.c.state != "closed")


@dataclass(frozen=True, slots=True)
class Stats:
    """A user's numbers. ``day`` and ``hours`` cover what was due since the asked instant; lateness is in seconds."""

    totals: Mapping[str, int]
    job_types: Mapping[str, int]
    schedule_statuses: Mapping[str, int]
    recent: Sequence[Mapping[str, Any]]
    day: Mapping[str, Any]
    hours: Mapping[datetime, tuple[int, int]]
    backlog: Mapping[str, Any]
    open_breakers: int


def read(connection: Connection, user_id: UserId, now: datetime, since: datetime) -> Stats:
    """Every number in one transaction."""
    user = {"user": user_id}
    span = user | {"since": since}
    return Stats(
        totals=_one(connection, TOTALS, user),
        job_types=_pairs(connection, JOB_TYPES, user),
        schedule_statuses=_pairs(connection, STATUSES, user),
        recent=[dict(row._mapping) for row in connection.execute(RECENT, user | {"limit": RECENT_LIMIT})],
        day=_one(connection, DAY, span),
        hours={row.hour: (row.fires, row.failed) for row in connection.execute(HOURS, span)},
        backlog=_one(connection, BACKLOG, user | {"overdue": now - OVERDUE_AFTER}),
        open_breakers=connection.execute(OPEN_BREAKERS, user).scalar_one(),
    )


def _one(connection: Connection, statement: Any, parameters: Mapping[str, Any]) -> dict[str, Any]:
    return dict(connection.execute(statement, parameters).one()._mapping)


def _pairs(connection: Connection, statement: Any, parameters: Mapping[str, Any]) -> dict[str, int]:
    return {str(name): count for name, count in connection.execute(statement, parameters)}
