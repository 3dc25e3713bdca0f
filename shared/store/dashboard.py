"""SQL that sums up one user's things."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, literal_column, or_, select

from shared.store.arrays import INSTANT
from shared.store.tables import actions, breakers, job_templates, jobs, schedules, triggers
from shared.user import UserId

OVERDUE_AFTER = timedelta(seconds=5)
RECENT_LIMIT = 20
# So many that end together may be cancelled before nothing else is found beside them.
RECENT_AMONG = 1_000
# Whoever has more of something is told so many; of a busy day, the newest so many are looked at. Whatever is stored, a
# look at the dashboard reads no more than that of each kind.
CAP = 10_000

_user: Any = bindparam("user")
_cap: Any = bindparam("cap")
_since = bindparam("since", type_=INSTANT)
_live_schedules = (schedules.c.user_id == _user, schedules.c.deleted_at.is_(None))


def _few(table: Any, *columns: Any, where: Any = ()) -> Any:
    """Up to the cap of the user's rows, by the index of their owners."""
    mine = where or (table.c.user_id == _user,)
    return select(*columns).where(*mine).order_by(table.c.user_id, table.c.id).limit(_cap).subquery()


def _count(rows: Any) -> Any:
    return select(func.count()).select_from(rows).scalar_subquery()


_one: Any = literal_column("1")
# Those of jobs and schedules are the sums of their kinds.
TOTALS = select(
    _count(_few(actions, _one)).label("actions"),
    _count(_few(job_templates, _one)).label("job_templates"),
    _count(_few(triggers, _one)).label("triggers"),
)
_jobs = _few(jobs, jobs.c.job_type)
JOB_TYPES = select(_jobs.c.job_type, func.count()).group_by(_jobs.c.job_type)
_schedules = _few(schedules, schedules.c.schedule_status, where=_live_schedules)
STATUSES = select(_schedules.c.schedule_status, func.count()).group_by(_schedules.c.schedule_status)

_ON_THE_WAY = (
    triggers.c.user_id == _user,
    triggers.c.status.in_([literal_column("'queued'"), literal_column("'executing'")]),
)
_shown = (
    triggers.c.id,
    triggers.c.schedule_id,
    triggers.c.due_at,
    triggers.c.status,
    triggers.c.reason,
    triggers.c.started_at,
    triggers.c.finished_at,
)
# Of what ended in the last day, newest first. The ledger has nothing of it: details are kept for a day.
_ended = (
    select(*_shown, triggers.c.kind)
    .where(triggers.c.user_id == _user, triggers.c.finished_at >= _since)
    .order_by(triggers.c.user_id.desc(), triggers.c.finished_at.desc())
    .limit(_cap)
    .subquery("ended")
)
_latest = (
    select(*_shown)
    .where(*_ON_THE_WAY)
    .order_by(triggers.c.user_id.desc(), triggers.c.pack.desc())
    .limit(_cap)
    .union_all(select(*(_ended.c[column.name] for column in _shown)).where(_ended.c.status != "cancelled"))
    .subquery("latest")
)
_newest = (
    select(_latest)
    .order_by(_latest.c.finished_at.desc().nulls_first(), _latest.c.id.desc())
    .limit(RECENT_LIMIT)
    .subquery("newest")
)
RECENT = (
    select(
        _newest.c.id,
        _newest.c.schedule_id,
        schedules.c.name,
        _newest.c.due_at,
        _newest.c.status,
        _newest.c.reason,
        _newest.c.started_at,
        _newest.c.finished_at,
    )
    .join(schedules, schedules.c.id == _newest.c.schedule_id)
    .order_by(_newest.c.finished_at.desc().nulls_first(), _newest.c.id.desc())
)

# Unlike extract, in floating point: ten thousand of them are sorted.
_lateness = func.date_part(literal_column("'epoch'"), _ended.c.started_at - _ended.c.due_at)
_today = _ended.c.due_at >= _since
# A backfill is late by intent.
_started = _today & _ended.c.started_at.is_not(None) & (_ended.c.kind != "backfill")
DAY = select(
    func.count().filter(_today & (_ended.c.status == "completed")).label("completed"),
    func.count().filter(_today & (_ended.c.status == "failed")).label("failed"),
    func.count().filter(_today & (_ended.c.status == "skipped")).label("skipped"),
    func.percentile_cont(0.5).within_group(_lateness).filter(_started).label("p50"),
    func.percentile_cont(0.99).within_group(_lateness).filter(_started).label("p99"),
    func.count().label("looked_at"),
    func.min(_ended.c.finished_at).label("oldest"),
)
# Written out: as two bound values, what is selected and what is grouped by would not be the same to PostgreSQL.
_hour = func.date_trunc(literal_column("'hour'"), _ended.c.due_at)
HOURS = (
    select(
        _hour.label("hour"),
        func.count().label("fires"),
        func.count().filter(_ended.c.status == "failed").label("failed"),
    )
    .where(_started)
    .group_by(_hour)
)

_late = triggers.c.next_attempt_at < bindparam("overdue", type_=INSTANT)
# The oldest of all users, of whom nobody's line is in this index; so many are only ever late after an outage.
_overdue = (
    select(triggers.c.user_id)
    .where(
        triggers.c.status == literal_column("'scheduled'"),
        or_(triggers.c.hold.is_(None), triggers.c.hold != literal_column("'limit'")),
        _late,
    )
    .order_by(triggers.c.next_attempt_at)
    .limit(_cap)
    .subquery("overdue")
)
_in_line = (
    select(_one)
    .where(
        triggers.c.user_id == _user,
        triggers.c.status == literal_column("'scheduled'"),
        triggers.c.hold == literal_column("'limit'"),
        _late,
    )
    .order_by(triggers.c.user_id, triggers.c.held_for)
    .limit(_cap)
    .subquery("in_line")
)
_way = (
    select(triggers.c.status, triggers.c.queued_at)
    .where(*_ON_THE_WAY)
    .order_by(triggers.c.user_id, triggers.c.pack)
    .limit(_cap)
    .subquery("way")
)
_oldest_queued = func.min(_way.c.queued_at).filter(_way.c.status == "queued")
BACKLOG = select(
    (
        select(func.count()).select_from(_overdue).where(_overdue.c.user_id == _user).scalar_subquery()
        + _count(_in_line)
    ).label("overdue"),
    func.count().filter(_way.c.status == "queued").label("queued"),
    func.count().filter(_way.c.status == "executing").label("executing"),
    _oldest_queued.label("queued_since"),
)
OPEN_BREAKERS = select(func.count()).where(breakers.c.user_id == _user, breakers.c.state != "closed")


@dataclass(frozen=True, slots=True)
class Stats:
    """A user's numbers, each up to ``CAP``. ``day`` and ``hours`` cover what was due since then and has ended.

    ``covers_since``: a later instant when more ended than is looked at. Lateness is in seconds.
    """

    totals: Mapping[str, int]
    job_types: Mapping[str, int]
    schedule_statuses: Mapping[str, int]
    recent: Sequence[Mapping[str, Any]]
    day: Mapping[str, Any]
    hours: Mapping[datetime, tuple[int, int]]
    covers_since: datetime
    backlog: Mapping[str, Any]
    open_breakers: int


def read(connection: Connection, user_id: UserId, now: datetime, since: datetime) -> Stats:
    """Every number in one transaction."""
    user = {"user": user_id, "cap": CAP}
    span = user | {"since": since}
    day = _row(connection, DAY, span)
    job_types, statuses = _pairs(connection, JOB_TYPES, user), _pairs(connection, STATUSES, user)
    sums = {"schedules": sum(statuses.values()), "jobs": sum(job_types.values())}
    return Stats(
        totals=sums | _row(connection, TOTALS, user),
        job_types=job_types,
        schedule_statuses=statuses,
        recent=[dict(row._mapping) for row in connection.execute(RECENT, span | {"cap": RECENT_AMONG})],
        day=day,
        hours={row.hour: (row.fires, row.failed) for row in connection.execute(HOURS, span)},
        covers_since=day["oldest"] if day["looked_at"] >= CAP else since,
        backlog=_row(connection, BACKLOG, user | {"overdue": now - OVERDUE_AFTER}),
        open_breakers=connection.execute(OPEN_BREAKERS, {"user": user_id}).scalar_one(),
    )


def _row(connection: Connection, statement: Any, parameters: Mapping[str, Any]) -> dict[str, Any]:
    return dict(connection.execute(statement, parameters).one()._mapping)


def _pairs(connection: Connection, statement: Any, parameters: Mapping[str, Any]) -> dict[str, int]:
    return {str(name): count for name, count in connection.execute(statement, parameters)}
