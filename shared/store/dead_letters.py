"""SQL of dead letters: triggers that failed for good, until they are sent on their way again or put away."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Connection, any_, bindparam, case, cast, func, literal_column, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB

from shared.job import JobId, JsonObject
from shared.paging import Page, Slice
from shared.store import triggers as all_triggers
from shared.store.arrays import BIGINT, INSTANT, TEXT, bound, ids, rows
from shared.store.jsonb import text
from shared.store.paging import Filters, narrowed, read_page
from shared.store.tables import job_executions, jobs, schedules, triggers
from shared.trigger import Trigger, TriggerId, TriggerStatus
from shared.user import UserId

_DEAD = (triggers.c.status == literal_column("'failed'"), triggers.c.discarded_at.is_(None))
_OWN = triggers.c.user_id == bindparam("user")

VIEW = all_triggers.VIEW.where(*_DEAD)
MATCHING = select(triggers.c.id).where(_OWN, *_DEAD).order_by(triggers.c.id).limit(bindparam("limit"))
FILTERS: Filters = {
    "schedule_id": triggers.c.schedule_id == bindparam("schedule_id"),
    "action_id": triggers.c.action_id == bindparam("action_id"),
    "since": triggers.c.finished_at >= bindparam("since"),
    "until": triggers.c.finished_at < bindparam("until"),
    "q": func.strpos(func.lower(triggers.c.reason), func.lower(bindparam("q", type_=TEXT))) > 0,
}

# Schedules before triggers, as everywhere.
LOCK_SCHEDULES = (
    select(schedules.c.id)
    .where(
        schedules.c.user_id == bindparam("user"),
        schedules.c.id.in_(select(triggers.c.schedule_id).where(_OWN, triggers.c.id == any_(ids("ids")))),
    )
    .order_by(schedules.c.id)
    .with_for_update(key_share=True)
)
LOCK = (
    select(triggers.c.id, triggers.c.status, triggers.c.discarded_at, schedules.c.deleted_at)
    .join(schedules, schedules.c.id == triggers.c.schedule_id)
    .where(_OWN, triggers.c.id == any_(ids("ids")))
    .order_by(triggers.c.id)
    .with_for_update(of=triggers, key_share=True)
)

_again = rows("again", id=BIGINT, next_attempt_at=INSTANT)
_anew = or_(bindparam("from_start", type_=Boolean()), triggers.c.action_id.is_distinct_from(schedules.c.action_id))
_edited = cast(bindparam("job_inputs", type_=TEXT), JSONB)
_nothing = literal_column("CAST('{}' AS jsonb)", JSONB)
# By the definition of now. What completed counts on, unless it is to begin anew or its jobs are others by now; so do
# inputs that an earlier redrive replaced.
REDRIVE = (
    update(triggers)
    .where(triggers.c.id == _again.c.id, schedules.c.id == triggers.c.schedule_id, *_DEAD)
    .values(
        status=TriggerStatus.SCHEDULED.value,
        reason=None,
        finished_at=None,
        resend_at=None,
        next_attempt_at=_again.c.next_attempt_at,
        schedule_version=schedules.c.version,
        action_id=schedules.c.action_id,
        redrives=triggers.c.redrives + 1,
        crashes=0,
        sending_job_id=None,
        tries_after=triggers.c.attempt,
        results_after=case((_anew, triggers.c.attempt), else_=triggers.c.results_after),
        job_inputs=func.nullif(
            case((_anew, _nothing), else_=func.coalesce(triggers.c.job_inputs, _nothing)).op("||")(
                func.coalesce(_edited, _nothing)
            ),
            _nothing,
        ),
    )
    .returning(triggers.c.id)
)
REDRIVE_WITH = REDRIVE.values(input=cast(bindparam("input", type_=TEXT), JSONB))

DISCARD = (
    update(triggers)
    .where(_OWN, triggers.c.id == any_(ids("ids")), *_DEAD)
    .values(discarded_at=bindparam("now", type_=INSTANT))
    .returning(triggers.c.id)
)

# The one that may or may not have been sent when the executor died; else the first of those that failed for good; else
# the one whose failure was the last word, although another try might have followed.
FAILED_JOB = select(
    func.coalesce(
        triggers.c.sending_job_id,
        select(job_executions.c.job_id)
        .where(
            job_executions.c.trigger_id == triggers.c.id,
            job_executions.c.attempt > triggers.c.tries_after,
            job_executions.c.final,
        )
        .order_by(job_executions.c.id)
        .limit(1)
        .scalar_subquery(),
        select(job_executions.c.job_id)
        .where(
            job_executions.c.trigger_id == triggers.c.id,
            job_executions.c.attempt == triggers.c.attempt,
            job_executions.c.status == "failed",
        )
        .order_by(job_executions.c.id.desc())
        .limit(1)
        .scalar_subquery(),
    )
).where(_OWN, triggers.c.id == bindparam("key"))
# Of the action that the schedule of the trigger has now.
FIND_JOB = (
    select(jobs.c.name, jobs.c.job_type)
    .select_from(jobs.join(schedules, schedules.c.action_id == jobs.c.action_id))
    .join(triggers, triggers.c.schedule_id == schedules.c.id)
    .where(_OWN, triggers.c.id == bindparam("key"), jobs.c.id == bindparam("job"))
)
EDITED = select(triggers.c.job_inputs).where(_OWN, triggers.c.id == bindparam("key"))


def read_list(connection: Connection, user_id: UserId, filters: Mapping[str, Any], part: Slice) -> Page[Trigger]:
    """The user's dead letters, newest first; ``since`` and ``until`` bound when they failed."""
    statement = narrowed(VIEW, FILTERS, filters)
    parameters = {**filters, "user": user_id}
    return read_page(connection, statement, parameters, part, all_triggers.read, newest_first=True)


def find(connection: Connection, user_id: UserId, trigger_id: TriggerId) -> Trigger | None:
    """The user's dead letter with this id."""
    row = connection.execute(VIEW.where(triggers.c.id == trigger_id), {"user": user_id}).one_or_none()
    return all_triggers.read(row) if row else None


def matching(connection: Connection, user_id: UserId, filters: Mapping[str, Any], limit: int) -> list[TriggerId]:
    """The user's dead letters that a list with these filters would show, oldest first."""
    statement = narrowed(MATCHING, FILTERS, filters)
    return list(connection.execute(statement, {**filters, "user": user_id, "limit": limit}).scalars())


def lock(connection: Connection, user_id: UserId, trigger_ids: Sequence[TriggerId]) -> Sequence[Any]:
    """Those of these triggers that are the user's, and their schedules, held until the transaction ends.

    (id, status, discarded_at, deleted_at of its schedule)
    """
    parameters = {"user": user_id, "ids": list(trigger_ids)}
    connection.execute(LOCK_SCHEDULES, parameters)
    return connection.execute(LOCK, parameters).all()


def redrive(
    connection: Connection,
    again: Sequence[tuple[TriggerId, datetime]],
    *,
    from_start: bool,
    job_inputs: JsonObject | None,
    given: Mapping[str, JsonObject | None],
) -> list[TriggerId]:
    """Put locked dead letters back on the timetable, each not before its instant; answers which.

    ``given`` is {"input": ...} to replace that of the runs, None being the schedule's own; or empty.
    """
    values: dict[str, Any] = {"from_start": from_start, "job_inputs": text(job_inputs) if job_inputs else None}
    statement = REDRIVE
    if "input" in given:
        statement, values["input"] = REDRIVE_WITH, None if given["input"] is None else text(given["input"])
    return list(connection.execute(statement, bound(_again, again) | values).scalars()) if again else []


def discard(
    connection: Connection, user_id: UserId, trigger_ids: Sequence[TriggerId], now: datetime
) -> list[TriggerId]:
    """Put dead letters away; answers which were still there."""
    return list(connection.execute(DISCARD, {"user": user_id, "ids": list(trigger_ids), "now": now}).scalars())


def failed_job(connection: Connection, user_id: UserId, trigger_id: TriggerId) -> JobId | None:
    """The job that a dead letter broke off at; None when its executor died and nobody can say."""
    job_id: JobId | None = connection.execute(FAILED_JOB, {"user": user_id, "key": trigger_id}).scalar()
    return job_id


def job_of(connection: Connection, user_id: UserId, trigger_id: TriggerId, job_id: JobId) -> Any:
    """(name, job_type) of a job, if the action of the trigger's schedule has it."""
    return connection.execute(FIND_JOB, {"user": user_id, "key": trigger_id, "job": job_id}).one_or_none()


def edited_inputs(connection: Connection, user_id: UserId, trigger_id: TriggerId) -> JsonObject:
    """What earlier redrives gave to jobs in place of their input: {"job id": input}."""
    found: JsonObject | None = connection.execute(EDITED, {"user": user_id, "key": trigger_id}).scalar()
    return found or {}
