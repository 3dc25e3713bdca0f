"""Job templates: the built-in job types, and the caller's presets of them."""

from dataclasses import replace
from http import HTTPStatus

from chalicelib.answer import Answer
from chalicelib.call import Call
from chalicelib.paging import asked_slice, page_answer
from chalicelib.routes import Routes
from chalicelib.says import changes, creates, deletes, lists, reads
from chalicelib.tags import Shown
from chalicelib.wire.drafts import change, new
from chalicelib.wire.filters import NameFilters
from chalicelib.wire.job_templates import JobTemplateFields, JobTemplateJson, to_json
from shared.job import JobTemplateId
from shared.manage import job_templates
from shared.user import UserId

routes = Routes("job_templates")

JOB_TEMPLATE = Shown("job_template", to_json)

_MADE = creates("Make a preset of a job type.", JobTemplateFields, "job_template", JobTemplateJson)
# Old clients "create" the types that are built in.
CREATES = replace(_MADE, answers={**_MADE.answers, HTTPStatus.OK: _MADE.answers[HTTPStatus.CREATED]})


@routes("POST", "/job_templates", says=CREATES)
def create(call: Call, user_id: UserId) -> Answer:
    template, is_new = job_templates.create_job_template(call.services, user_id, new(JobTemplateFields, call.body()))
    message = "The job template is created." if is_new else "This job template is built in."
    status = HTTPStatus.CREATED if is_new else HTTPStatus.OK
    return Answer({"job_template": to_json(template), "message": message}, status)


@routes(
    "GET",
    "/job_templates",
    says=lists("The job types, and your presets of them.", "job_templates", JobTemplateJson, NameFilters),
)
def read_list(call: Call, user_id: UserId) -> Answer:
    filters = change(NameFilters, call.query)
    page = job_templates.list_job_templates(call.services, user_id, filters, asked_slice(call, user_id, filters))
    return page_answer(call, user_id, "job_templates", page, to_json, filters)


@routes("GET", "/job_templates/{template_id}", says=reads("One job type or preset.", "job_template", JobTemplateJson))
def read(call: Call, user_id: UserId, template_id: JobTemplateId) -> Answer:
    return JOB_TEMPLATE.answer(job_templates.get_job_template(call.services, user_id, template_id))


@routes(
    "PUT PATCH",
    "/job_templates/{template_id}",
    says=changes("Change a preset.", JobTemplateFields, "job_template", JobTemplateJson),
)
def update(call: Call, user_id: UserId, template_id: JobTemplateId) -> Answer:
    draft, expected = change(JobTemplateFields, call.body()), JOB_TEMPLATE.expected(call)
    template = job_templates.change_job_template(call.services, user_id, template_id, draft, expected)
    return Answer({"job_template": to_json(template), "message": "The job template is saved."})


@routes("DELETE", "/job_templates/{template_id}", says=deletes("Delete a preset, unless a job uses it."))
def delete(call: Call, user_id: UserId, template_id: JobTemplateId) -> Answer:
    job_templates.delete_job_template(call.services, user_id, template_id, JOB_TEMPLATE.expected(call))
    return Answer({"message": "The job template is deleted."})
