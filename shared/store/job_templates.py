"""SQL of the catalogue of job types and of users' presets."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select, update

from shared.job import JobTemplate, JobTemplateId
from shared.paging import Page, Slice
from shared.store.paging import Filters, has_in_its_name, narrowed, read_page
from shared.store.tables import job_templates
from shared.user import UserId

_COLUMNS = tuple(column for column in job_templates.c if column.name != "owner_id")
_BUILT_IN = job_templates.c.user_id.is_(None)
_READABLE = or_(_BUILT_IN, job_templates.c.user_id == bindparam("user"))
_OWN = (job_templates.c.user_id == bindparam("user"), job_templates.c.id == bindparam("key"))

CREATE = insert(job_templates).returning(*_COLUMNS)
LIST = select(*_COLUMNS).where(_READABLE)
FILTERS: Filters = {"q": has_in_its_name(job_templates.c.name)}
FIND = select(*_COLUMNS).where(_READABLE, job_templates.c.id == bindparam("key"))
FIND_BUILT_IN = select(*_COLUMNS).where(_BUILT_IN, job_templates.c.name == bindparam("name"))
LOCK = select(job_templates.c.id).where(*_OWN).with_for_update(key_share=True)
CHANGE = update(job_templates).where(*_OWN).values(updated_at=func.now()).returning(*_COLUMNS)
DELETE = delete(job_templates).where(*_OWN)


def create(connection: Connection, user_id: UserId, row: Mapping[str, Any]) -> JobTemplate:
    """A new preset of this user; raises ``Conflict`` when one of that name exists."""
    return _template(connection.execute(CREATE, {**row, "user_id": user_id}).one())


def read_list(connection: Connection, user_id: UserId, filters: Mapping[str, Any], part: Slice) -> Page[JobTemplate]:
    """The built-in templates and the user's presets."""
    statement = narrowed(LIST, FILTERS, filters)
    return read_page(connection, statement, {**filters, "user": user_id}, part, _template)


def find(connection: Connection, user_id: UserId, template_id: JobTemplateId) -> JobTemplate | None:
    """The template with this id, when it is built in or the user's own."""
    row = connection.execute(FIND, {"user": user_id, "key": template_id}).one_or_none()
    return _template(row) if row else None


def find_built_in(connection: Connection, name: str) -> JobTemplate | None:
    """The built-in template of that name."""
    row = connection.execute(FIND_BUILT_IN, {"name": name}).one_or_none()
    return _template(row) if row else None


def lock(connection: Connection, user_id: UserId, template_id: JobTemplateId) -> None:
    """Hold the user's own preset until the transaction ends."""
    connection.execute(LOCK, {"user": user_id, "key": template_id})


def change(
    connection: Connection, user_id: UserId, template_id: JobTemplateId, changes: Mapping[str, Any]
) -> JobTemplate | None:
    """Write these columns of the user's own preset; None when it is not one."""
    row = connection.execute(CHANGE, {**changes, "user": user_id, "key": template_id}).one_or_none()
    return _template(row) if row else None


def remove(connection: Connection, user_id: UserId, template_id: JobTemplateId) -> bool:
    """Delete the user's own preset; raises ``Conflict`` while a job uses it."""
    return connection.execute(DELETE, {"user": user_id, "key": template_id}).rowcount == 1


def _template(row: Any) -> JobTemplate:
    return JobTemplate(**row._mapping)
