"""What a violated constraint means to the caller: the database states the rule, this table words it."""

from collections.abc import Callable, Mapping
from functools import partial

from shared.errors import Conflict, CronnyError, Invalid, NotFound

# Makers and not errors: an exception that is raised twice keeps the traces of both.
_MEANINGS: Mapping[str, Callable[[], CronnyError]] = {
    "uq_users_username": partial(Conflict, "This username is taken; choose another one."),
    "uq_users_email": partial(Conflict, "This e-mail address is registered already; log in instead."),
    "uq_api_keys_name": partial(Conflict, "You have an API key of that name already."),
    "uq_jobs_action_id_name": partial(Conflict, "This action has a job of that name already; names tell jobs apart."),
    "uq_jobs_root": partial(
        Invalid.field, "is_root_job", "this action has a root job already, and a chain begins only once"
    ),
    "uq_job_templates_owner_id_name": partial(Conflict, "You have a job template of that name already."),
    "fk_jobs_user_id_action_id": partial(Invalid.field, "action_id", "there is no such action"),
    "fk_jobs_job_template_owner_id_job_template_id": partial(
        Conflict, "A job uses this job template; delete the job or give it another template."
    ),
    "fk_schedules_user_id_action_id": partial(Invalid.field, "action_id", "there is no such action"),
    "ck_schedules_action": partial(
        Conflict, "A schedule points at this action; delete the schedule or give it another action."
    ),
    "uq_calendars_user_id_name": partial(Conflict, "You have a calendar of that name already."),
    "fk_schedule_calendars_user_id_calendar_id": partial(
        Conflict, "A schedule uses this calendar; take it out of the schedule's calendar_ids first."
    ),
    "uq_secrets_user_id_name": partial(Conflict, "You have a secret of that name already."),
    "fk_users_plan_id": partial(Invalid.field, "plan_id", "there is no such plan"),
}


def meaning(constraint: str) -> CronnyError:
    """The domain error that stands for a violated constraint; ``NotFound`` when its row went away meanwhile."""
    make = _MEANINGS.get(constraint)
    return make() if make else NotFound("What this refers to is no longer there.")
