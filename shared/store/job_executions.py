"""SQL that shows job executions to their owners; the executor's statements write them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select

from shared.job import JobId
from shared.outcome import ExecutionStatus, FailureKind, JobExecution, Outcome
from shared.paging import Page, Slice
from shared.store.paging import Filters, narrowed, read_page
from shared.store.tables import job_executions
from shared.trigger import TriggerId
from shared.user import UserId

VIEW = select(job_executions).where(job_executions.c.user_id == bindparam("user"))
FIND = VIEW.where(job_executions.c.id == bindparam("key"))
OF_TRIGGER = VIEW.where(job_executions.c.trigger_id == bindparam("trigger_id")).order_by(job_executions.c.id)
FILTERS: Filters = {
    "job_id": job_executions.c.job_id == bindparam("job_id"),
    "trigger_id": job_executions.c.trigger_id == bindparam("trigger_id"),
    "status": job_executions.c.status == bindparam("status"),
    "since": job_executions.c.started_at >= bindparam("since"),
    "until": job_executions.c.started_at < bindparam("until"),
}


@dataclass(frozen=True, slots=True)
class Recorded:
    """A job execution and where it belongs. Its ``job_id`` is None once the job was deleted."""

    id: int
    trigger_id: TriggerId
    attempt: int
    job_id: JobId | None
    execution: JobExecution


def read_list(connection: Connection, user_id: UserId, filters: Mapping[str, Any], part: Slice) -> Page[Recorded]:
    """The user's job executions, newest first; ``since`` and ``until`` bound their start."""
    statement = narrowed(VIEW, FILTERS, filters)
    return read_page(connection, statement, {**filters, "user": user_id}, part, _recorded, newest_first=True)


def of_trigger(connection: Connection, user_id: UserId, trigger_id: TriggerId) -> tuple[Recorded, ...]:
    """What one trigger did, in order. A chain is short, so all of it."""
    rows = connection.execute(OF_TRIGGER, {"user": user_id, "trigger_id": trigger_id})
    return tuple(_recorded(row) for row in rows)


def find(connection: Connection, user_id: UserId, execution_id: int) -> Recorded | None:
    """The user's job execution with this id."""
    row = connection.execute(FIND, {"user": user_id, "key": execution_id}).one_or_none()
    return _recorded(row) if row else None


def _recorded(row: Any) -> Recorded:
    failure = FailureKind(row.failure) if row.failure else None
    outcome = Outcome(ExecutionStatus(row.status), row.output, row.error, failure)
    execution = JobExecution(
        row.job_id, row.job_name, row.job_type, row.input, outcome, row.started_at, row.finished_at, row.final
    )
    return Recorded(row.id, row.trigger_id, row.attempt, row.job_id, execution)
