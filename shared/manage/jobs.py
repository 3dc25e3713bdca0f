"""Jobs. Each is checked against all others of its action while the action is locked: two saves at once cannot make a
cycle that neither of them sees.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from shared import conditions, graph, input_schema, inputs, placeholders, retry
from shared.action import ActionId, JobGraph
from shared.errors import Conflict, Fault, Invalid, NotFound, OverQuota
from shared.job import DEFAULT_TIMEOUT_SECONDS, Job, JobId, JobInputType, JobTemplate, JsonValue
from shared.manage import job_types, secrets
from shared.manage.draft import Draft
from shared.manage.expected import Expected
from shared.paging import Page, Slice
from shared.quotas import MAX_JOBS
from shared.redaction import MARK
from shared.runners.registry import BUILT_IN, CHECKS, HOSTS
from shared.services import Services
from shared.store import Connection, actions, jobs
from shared.store.jobs import StoredJob
from shared.user import UserId

MISSING = "There is no such job."
TOO_MANY = Fault("jobs", f"an action may have {MAX_JOBS} jobs, and this one has as many: begin another action")
NO_ACTION = Fault("action_id", "there is no such action")
# Of a job that is not stored yet: no condition can name it.
NO_ID = JobId(0)

OWN_FIELDS = ("name", "job_input_type", "condition", "is_root_job", "job_timeout_in_secs", "retry", "delivery")
INPUT_FIELDS = ("job_input_value", "job_input_type", "job_type", "job_template_id")


def create_job(services: Services, user_id: UserId, draft: Draft) -> StoredJob:
    """A new job of an action; it begins the chain when no other job does, unless the draft says.

    Raises ``Invalid``, ``OverQuota``.
    """
    action_id: Any = draft.fields.get("action_id")
    with services.database.begin() as connection:
        known = action_id is not None and actions.lock(connection, user_id, action_id)
        others = _of_action(connection, user_id, action_id) if known else []
        template, found = job_types.chosen(connection, user_id, draft)
        job = _applied(draft, _blank(others, template), template)
        found = [*found, *_faults(draft, job, others, template), *_unknown_secrets(connection, user_id, draft, job)]
        draft.accept([NO_ACTION, *found] if action_id is not None and not known else found)
        if len(others) >= MAX_JOBS:
            raise OverQuota([TOO_MANY])
        return jobs.create(connection, user_id, _row(job) | {"action_id": action_id} | job_types.row(template))


def list_jobs(services: Services, user_id: UserId, draft: Draft, part: Slice) -> Page[StoredJob]:
    """The jobs of the action ``action_id``."""
    draft.accept()
    with services.database.begin() as connection:
        return jobs.read_list(connection, user_id, draft.fields, part)


def get_job(services: Services, user_id: UserId, job_id: JobId) -> StoredJob:
    """One job; raises ``NotFound``."""
    with services.database.begin() as connection:
        return _found(connection, user_id, job_id)


def change_job(
    services: Services, user_id: UserId, job_id: JobId, draft: Draft, expected: Expected[StoredJob] = None
) -> StoredJob:
    """Write the sent fields; raises ``NotFound``, ``Invalid``."""
    with services.database.begin() as connection:
        current, others = _locked(connection, user_id, job_id, expected)
        template, found = job_types.chosen(connection, user_id, draft, current)
        job = _applied(draft, replace(current.job, job_type=template.job_type if template else ""), template)
        found = [*found, *_moving(draft, current), *_faults(draft, job, others, template)]
        found += _unknown_secrets(connection, user_id, draft, job)
        draft.accept([*found, *_lost_by_renaming(current.job, job, others)])
        changed = jobs.change(connection, user_id, job_id, _row(job) | job_types.row(template))
    if changed is None:
        raise NotFound(MISSING)
    return changed


def delete_job(services: Services, user_id: UserId, job_id: JobId, expected: Expected[StoredJob] = None) -> None:
    """Delete the job; raises ``NotFound``, and ``Conflict`` while another job refers to it."""
    with services.database.begin() as connection:
        _, others = _locked(connection, user_id, job_id, expected)
        if leaning := [job.name for job in others if graph.faults_of(job, _without(others, job))]:
            raise Conflict(f"Other jobs refer to this one: {', '.join(leaning)}. Change or delete them first.")
        jobs.remove(connection, user_id, job_id)


def _found(connection: Connection, user_id: UserId, job_id: JobId) -> StoredJob:
    stored = jobs.find(connection, user_id, job_id)
    if stored is None:
        raise NotFound(MISSING)
    return stored


def _locked(
    connection: Connection, user_id: UserId, job_id: JobId, expected: Expected[StoredJob]
) -> tuple[StoredJob, list[Job]]:
    """The job and the others of its action, as they are once nobody else can change them."""
    actions.lock(connection, user_id, _found(connection, user_id, job_id).action_id)
    stored = _found(connection, user_id, job_id)
    if expected:
        expected(stored)
    return stored, _without(_of_action(connection, user_id, stored.action_id), stored.job)


def _of_action(connection: Connection, user_id: UserId, action_id: ActionId) -> list[Job]:
    return [stored.job for stored in jobs.of_actions(connection, user_id, [action_id])]


def _without(jobs_of_action: Sequence[Job], job: Job) -> list[Job]:
    return [other for other in jobs_of_action if other.id != job.id]


def _blank(others: Sequence[Job], template: JobTemplate | None) -> Job:
    return Job(
        NO_ID,
        name="",
        job_type=template.job_type if template else "",
        job_input_type=JobInputType.STATIC,
        job_input_value=template.default_input if template else {},
        is_root_job=not any(job.is_root_job for job in others),
        job_timeout_in_secs=DEFAULT_TIMEOUT_SECONDS,
    )


def _applied(draft: Draft, job: Job, template: JobTemplate | None) -> Job:
    """The job with the draft's fields; what an input leaves out, the preset it is made from fills in."""
    changes = {name: draft.fields[name] for name in OWN_FIELDS if name in draft.fields}
    if "job_input_value" in draft.fields:
        value = draft.fields["job_input_value"]
        kind = changes.get("job_input_type", job.job_input_type)
        filled = template and isinstance(value, Mapping) and kind is not JobInputType.JOB_OUTPUT
        changes["job_input_value"] = {**template.default_input, **value} if template and filled else value
    return replace(job, **changes)


def _faults(draft: Draft, job: Job, others: Sequence[Job], template: JobTemplate | None) -> list[Fault]:
    found = [fault for fault in graph.faults_of(job, others) if draft.understood(fault.field.split(".")[0])]
    if job.job_input_type is JobInputType.STATIC and template and _touched(draft, job):
        found += input_faults(job.job_input_value, template.job_type)
    return found


def _touched(draft: Draft, job: Job) -> bool:
    """Whether the input is new, and could be understood."""
    new = job.id == NO_ID or any(name in draft.fields for name in INPUT_FIELDS)
    return new and draft.understood(*INPUT_FIELDS)


def _unknown_secrets(connection: Connection, user_id: UserId, draft: Draft, job: Job) -> list[Fault]:
    if not _touched(draft, job):
        return []
    return secrets.unknown(connection, user_id, job.job_input_value, job.job_input_type, inputs.FIELD)


def input_faults(value: JsonValue, job_type: str, field: str = inputs.FIELD) -> list[Fault]:
    """Why a job of this type cannot take this input as it stands; where secrets are named is left to their values."""
    if found := placeholders.excused(input_schema.faults(value, BUILT_IN[job_type].input_schema, field), value, field):
        return found
    try:
        if job_type in CHECKS and isinstance(value, Mapping):
            CHECKS[job_type](value)
    except Invalid as error:
        faults = [Fault(f"{field}.{fault.field}", fault.message) for fault in error.faults]
        return placeholders.excused(faults, value, field)
    return []


def _moving(draft: Draft, current: StoredJob) -> list[Fault]:
    if draft.fields.get("action_id", current.action_id) == current.action_id:
        return []
    return [Fault("action_id", "a job stays in its action; make a new one in the other")]


def _lost_by_renaming(old: Job, new: Job, others: Sequence[Job]) -> list[Fault]:
    """Inputs may name a job instead of its id; those would look for it in vain."""
    before, after = JobGraph((*others, old)), JobGraph((*others, new))
    lost = [job.name for job in others if inputs.check(job, after) and not inputs.check(job, before)]
    return [Fault("name", f"is how {name} finds this job's output") for name in lost]


def _row(job: Job) -> dict[str, Any]:
    return {
        "name": job.name,
        "job_input_type": job.job_input_type.value,
        "job_input_value": job.job_input_value,
        "condition": conditions.to_json(job.condition),
        "is_root_job": job.is_root_job,
        "job_timeout_in_secs": job.job_timeout_in_secs,
        "retry": retry.to_json(job.retry),
        "delivery": job.delivery.value,
        "host": _host(job),
    }


def _host(job: Job) -> str | None:
    """host:port that the job calls, where its input says so as it stands; others are known only when they run."""
    if job.job_input_type is not JobInputType.STATIC or job.job_type not in HOSTS:
        return None
    named = {name: MARK for _, name in placeholders.named(job.job_input_value, job.job_input_type)}
    value = placeholders.fill(job.job_input_value, named)
    return HOSTS[job.job_type](value) if isinstance(value, Mapping) else None
