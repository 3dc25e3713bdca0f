"""Which template a job is made from: named by ``job_template_id`` or by ``job_type``; one suffices, both must agree."""

from typing import Any

from shared.errors import Fault
from shared.job import JobTemplate, JobTemplateId
from shared.manage.draft import Draft
from shared.runners.registry import BUILT_IN
from shared.store import Connection, job_templates
from shared.store.jobs import StoredJob
from shared.user import UserId

FIELDS = ("job_template_id", "job_type")
JOB_TYPES = ", ".join(BUILT_IN)

Choice = tuple[JobTemplate | None, list[Fault]]


def chosen(connection: Connection, user_id: UserId, draft: Draft, current: StoredJob | None = None) -> Choice:
    """The template that the draft names, else that of the job as it stands; or None and what is wrong."""
    if not draft.understood(*FIELDS):
        return None, []
    template_id, job_type = (draft.fields.get(name) for name in FIELDS)
    if template_id is None and current and job_type in (None, current.job.job_type):
        template_id = current.job_template_id
    if template_id is not None:
        return _by_id(connection, user_id, JobTemplateId(template_id), job_type)
    if job_type is None:
        return None, [Fault("job_type", f"is needed (or job_template_id): one of {JOB_TYPES}")]
    template = job_templates.find_built_in(connection, job_type)
    return template, [] if template else [Fault("job_type", f"must be one of {JOB_TYPES}")]


def row(template: JobTemplate | None) -> dict[str, Any]:
    """The columns that point at the template."""
    if template is None:
        return {}
    return {
        "job_type": template.job_type,
        "job_template_id": template.id,
        "job_template_owner_id": template.user_id or 0,
    }


def _by_id(connection: Connection, user_id: UserId, template_id: JobTemplateId, job_type: str | None) -> Choice:
    template = job_templates.find(connection, user_id, template_id)
    if template is None:
        return None, [Fault("job_template_id", "there is no such job template")]
    if job_type not in (None, template.job_type):
        return None, [Fault("job_type", f"does not agree with job_template_id, which is of type {template.job_type}")]
    return template, []
