"""SQL of jobs as their owners see and change them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, any_, bindparam, delete, func, insert, select, update

from shared import conditions, retry
from shared.action import ActionId
from shared.job import Delivery, Job, JobId, JobInputType, JobTemplateId
from shared.paging import Page, Slice
from shared.store.arrays import ids
from shared.store.paging import Filters, has_in_its_name, narrowed, read_page
from shared.store.tables import jobs
from shared.user import UserId

_OWNED = jobs.c.user_id == bindparam("user")
_THIS = (_OWNED, jobs.c.id == bindparam("key"))

CREATE = insert(jobs).returning(jobs)
FIND = select(jobs).where(*_THIS)
LIST = select(jobs).where(_OWNED)
FILTERS: Filters = {
    "action_id": jobs.c.action_id == bindparam("action_id"),
    "q": has_in_its_name(jobs.c.name),
}
OF_ACTIONS = select(jobs).where(_OWNED, jobs.c.action_id == any_(ids("action_ids"))).order_by(jobs.c.id)
CHANGE = update(jobs).where(*_THIS).values(updated_at=func.now()).returning(jobs)
DELETE = delete(jobs).where(*_THIS)


@dataclass(frozen=True, slots=True)
class StoredJob:
    """A job and where it belongs."""

    job: Job
    action_id: ActionId
    job_template_id: JobTemplateId
    created_at: datetime
    updated_at: datetime


def create(connection: Connection, user_id: UserId, row: Mapping[str, Any]) -> StoredJob:
    """A new job in an action of this user."""
    return _stored(connection.execute(CREATE, {**row, "user_id": user_id}).one())


def find(connection: Connection, user_id: UserId, job_id: JobId) -> StoredJob | None:
    """The user's job with this id."""
    row = connection.execute(FIND, {"user": user_id, "key": job_id}).one_or_none()
    return _stored(row) if row else None


def read_list(connection: Connection, user_id: UserId, filters: Mapping[str, Any], part: Slice) -> Page[StoredJob]:
    """The user's jobs, oldest first; ``action_id`` is among the filters, and an index finds them by it."""
    statement = narrowed(LIST, FILTERS, filters)
    return read_page(connection, statement, {**filters, "user": user_id}, part, _stored)


def of_actions(connection: Connection, user_id: UserId, action_ids: Sequence[ActionId]) -> tuple[StoredJob, ...]:
    """Every job of these actions of the user."""
    rows = connection.execute(OF_ACTIONS, {"user": user_id, "action_ids": list(action_ids)})
    return tuple(_stored(row) for row in rows)


def change(connection: Connection, user_id: UserId, job_id: JobId, changes: Mapping[str, Any]) -> StoredJob | None:
    """Write these columns; None when the user has no such job."""
    row = connection.execute(CHANGE, {**changes, "user": user_id, "key": job_id}).one_or_none()
    return _stored(row) if row else None


def remove(connection: Connection, user_id: UserId, job_id: JobId) -> bool:
    """Delete the job; what it did stays in the history under its name."""
    return connection.execute(DELETE, {"user": user_id, "key": job_id}).rowcount == 1


def read_job(row: Any) -> Job:
    """The job in a row; raises ``Invalid`` or ``ValueError`` for one that cannot be read."""
    return Job(
        row.id,
        row.name,
        row.job_type,
        JobInputType(row.job_input_type),
        row.job_input_value,
        conditions.parse(row.condition),
        row.is_root_job,
        row.job_timeout_in_secs,
        retry.parse(row.retry),
        Delivery(row.delivery),
        row.host,
    )


def _stored(row: Any) -> StoredJob:
    return StoredJob(read_job(row), row.action_id, row.job_template_id, row.created_at, row.updated_at)
