"""Jobs."""

from http import HTTPStatus

from chalicelib.answer import Answer
from chalicelib.call import Call
from chalicelib.paging import asked_slice, page_answer
from chalicelib.routes import Routes
from chalicelib.says import changes, creates, deletes, does, lists, reads
from chalicelib.tags import Shown
from chalicelib.wire.drafts import change, new
from chalicelib.wire.jobs import JobFields, JobFilters, JobJson, to_json
from chalicelib.wire.trials import (
    InputPreviewAnswer,
    InputPreviewFields,
    OutcomeJson,
    TrialFields,
    outcome_to_json,
    preview_to_json,
)
from shared.identity import Scope
from shared.job import JobId
from shared.manage import jobs, trials
from shared.user import UserId

routes = Routes("jobs")

JOB = Shown("job", to_json)


@routes("POST", "/jobs", says=creates("Make a job of an action.", JobFields, "job", JobJson))
def create(call: Call, user_id: UserId) -> Answer:
    job = jobs.create_job(call.services, user_id, new(JobFields, call.body()))
    return Answer({"job": to_json(job), "message": "The job is created."}, HTTPStatus.CREATED)


@routes("GET", "/jobs", says=lists("The jobs of an action, oldest first.", "jobs", JobJson, JobFilters))
def read_list(call: Call, user_id: UserId) -> Answer:
    filters = new(JobFilters, call.query)
    page = jobs.list_jobs(call.services, user_id, filters, asked_slice(call, user_id, filters))
    return page_answer(call, user_id, "jobs", page, to_json, filters)


@routes("GET", "/jobs/{job_id}", says=reads("One job.", "job", JobJson))
def read(call: Call, user_id: UserId, job_id: JobId) -> Answer:
    return JOB.answer(jobs.get_job(call.services, user_id, job_id))


@routes("PUT PATCH", "/jobs/{job_id}", says=changes("Change a job.", JobFields, "job", JobJson))
def update(call: Call, user_id: UserId, job_id: JobId) -> Answer:
    draft, expected = change(JobFields, call.body()), JOB.expected(call)
    job = jobs.change_job(call.services, user_id, job_id, draft, expected)
    return Answer({"job": to_json(job), "message": "The job is saved."})


@routes("DELETE", "/jobs/{job_id}", says=deletes("Delete a job, unless others refer to it."))
def delete(call: Call, user_id: UserId, job_id: JobId) -> Answer:
    jobs.delete_job(call.services, user_id, job_id, JOB.expected(call))
    return Answer({"message": "The job is deleted."})


# In parts: both work for longer than a transaction may be idle, and a test that is done again is another test.
@routes(
    "POST",
    "/jobs/{job_id}/test",
    in_parts=True,
    scope=Scope.RUN,
    says=does("Run a job once, now, and record nothing.", {"outcome": OutcomeJson}, TrialFields),
)
def try_out(call: Call, user_id: UserId, job_id: JobId) -> Answer:
    tried = trials.try_job(call.services, user_id, job_id, change(TrialFields, call.body()))
    return Answer({"outcome": outcome_to_json(tried), "message": "The job ran once; nothing of it is recorded."})


@routes(
    "POST",
    "/jobs/preview",
    in_parts=True,
    scope=Scope.READ,
    says=does("See the input that a job would get.", InputPreviewAnswer, InputPreviewFields),
)
def preview(call: Call, user_id: UserId) -> Answer:
    previewed = trials.preview_input(call.services, user_id, change(InputPreviewFields, call.body()))
    return Answer({"preview": preview_to_json(previewed)})
