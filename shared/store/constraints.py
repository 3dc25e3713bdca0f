"""What a violated constraint means to the caller: the database states the rule, this table words it."""

from shared.errors import Conflict, CronnyError, Invalid, NotFound

_MEANINGS: dict[str, CronnyError] = {
    "uq_users_username": Conflict("This username is taken; choose another one."),
    "uq_users_email": Conflict("This e-mail address is registered already; log in instead."),
    "uq_jobs_action_id_name": Conflict("This action has a job of that name already; names tell jobs apart."),
    "uq_jobs_root": Invalid.field("is_root_job", "this action has a root job already, and a chain begins only once"),
    "uq_job_templates_owner_id_name": Conflict("You have a job template of that name already."),
    "fk_jobs_user_id_action_id": Invalid.field("action_id", "there is no such action"),
    "fk_jobs_job_template_owner_id_job_template_id": Conflict("A job uses this job template."),
    "fk_schedules_user_id_action_id": Invalid.field("action_id", "there is no such action"),
    "ck_schedules_action": Conflict("A schedule points at this action; delete the schedule or give it another action."),
    "fk_users_plan_id": Invalid.field("plan_id", "there is no such plan"),
}


def meaning(constraint: str) -> CronnyError:
    """The domain error that stands for a violated constraint; ``NotFound`` when its row went away meanwhile."""
    return _MEANINGS.get(constraint, NotFound("What this refers to is no longer there."))
