"""The catalogue of job types, and a user's presets of them."""

import json

from shared import input_schema
from shared.errors import Conflict, Fault, NotFound
from shared.job import JobTemplate, JobTemplateId
from shared.manage import quotas
from shared.manage.draft import Draft
from shared.manage.expected import Expected
from shared.manage.job_types import JOB_TYPES
from shared.paging import Page, Slice
from shared.quotas import Kept
from shared.runners.registry import BUILT_IN
from shared.services import Services
from shared.store import Connection, job_templates
from shared.user import UserId

MISSING = "There is no such job template."


def create_job_template(services: Services, user_id: UserId, draft: Draft) -> tuple[JobTemplate, bool]:
    """A new preset, and whether it is new: the bare name of a built-in type answers the built-in template.

    Raises ``Invalid``, ``OverQuota``, and ``Conflict`` when the user has a preset of that name.
    """
    name = draft.fields.get("name")
    with services.database.begin() as connection:
        if _means_built_in(draft) and (built_in := job_templates.find_built_in(connection, str(name).lower())):
            return built_in, False
        draft.accept(_type_faults(draft, required=True))
        quotas.make_room(connection, user_id, Kept.PRESETS)
        draft.accept([*_type_faults(draft, required=True), *_input_faults(draft, draft.fields.get("job_type", ""))])
        job_type = BUILT_IN[draft.fields["job_type"]]
        # A preset is of a built-in type, whose schema is the same for everybody and not a client's to write.
        return job_templates.create(connection, user_id, {**draft.fields, "input_schema": job_type.input_schema}), True


def list_job_templates(services: Services, user_id: UserId, draft: Draft, part: Slice) -> Page[JobTemplate]:
    """The built-in templates and the caller's presets."""
    draft.accept()
    with services.database.begin() as connection:
        return job_templates.read_list(connection, user_id, draft.fields, part)


def get_job_template(services: Services, user_id: UserId, template_id: JobTemplateId) -> JobTemplate:
    """One template; raises ``NotFound``."""
    with services.database.begin() as connection:
        return _found(connection, user_id, template_id)


def change_job_template(
    services: Services,
    user_id: UserId,
    template_id: JobTemplateId,
    draft: Draft,
    expected: Expected[JobTemplate] = None,
) -> JobTemplate:
    """Write the sent fields of a preset; raises ``NotFound``, ``Invalid``, and ``Conflict`` for a built-in one."""
    with services.database.begin() as connection:
        current = _own(connection, user_id, template_id, expected)
        draft.accept([*_fixed_type_faults(draft, current), *_input_faults(draft, current.job_type)])
        changed = job_templates.change(connection, user_id, template_id, draft.fields)
    if changed is None:
        raise NotFound(MISSING)
    return changed


def delete_job_template(
    services: Services, user_id: UserId, template_id: JobTemplateId, expected: Expected[JobTemplate] = None
) -> None:
    """Delete a preset; raises ``NotFound``, and ``Conflict`` for a built-in one or while a job uses it."""
    with services.database.begin() as connection:
        _own(connection, user_id, template_id, expected)
        job_templates.remove(connection, user_id, template_id)


def _found(connection: Connection, user_id: UserId, template_id: JobTemplateId) -> JobTemplate:
    template = job_templates.find(connection, user_id, template_id)
    if template is None:
        raise NotFound(MISSING)
    return template


def _own(
    connection: Connection, user_id: UserId, template_id: JobTemplateId, expected: Expected[JobTemplate]
) -> JobTemplate:
    """The user's preset, held, once it is what is expected."""
    if _found(connection, user_id, template_id).user_id is None:
        raise Conflict("This job template is built in and stays as it is; make a preset of your own.")
    job_templates.lock(connection, user_id, template_id)
    template = _found(connection, user_id, template_id)
    if expected:
        expected(template)
    return template


def _means_built_in(draft: Draft) -> bool:
    name, job_type = draft.fields.get("name"), draft.fields.get("job_type")
    return isinstance(name, str) and name.lower() in BUILT_IN and job_type in (None, name.lower())


def _type_faults(draft: Draft, *, required: bool) -> list[Fault]:
    job_type = draft.fields.get("job_type")
    if job_type in BUILT_IN or not draft.understood("job_type") or (job_type is None and not required):
        return []
    return [Fault("job_type", f"must be one of {JOB_TYPES}")]


def _input_faults(draft: Draft, job_type: str) -> list[Fault]:
    """What no job of this type could take. A preset may leave out anything; templates are judged with their job."""
    given = draft.fields.get("default_input")
    if not given or job_type not in BUILT_IN or "{{" in json.dumps(given):
        return []
    whole = BUILT_IN[job_type].input_schema
    partly = {name: rule for name, rule in whole.items() if name not in ("required", "anyOf")}
    return input_schema.faults(given, partly, "default_input")


def _fixed_type_faults(draft: Draft, current: JobTemplate) -> list[Fault]:
    """Jobs were checked against the type, so a preset keeps the one it was made with."""
    if draft.fields.get("job_type", current.job_type) == current.job_type:
        return []
    return [Fault("job_type", f"stays {current.job_type}; make another preset instead")]
