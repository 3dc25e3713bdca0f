"""Job executions: what each attempt of each job did."""

from chalicelib.answer import Answer
from chalicelib.call import Call
from chalicelib.paging import asked_slice, page_answer
from chalicelib.routes import Routes
from chalicelib.says import lists, reads
from chalicelib.wire.drafts import change
from chalicelib.wire.history import ExecutionFilters, JobExecutionJson, execution_to_json
from shared.manage import history
from shared.user import UserId

routes = Routes("job_executions")


@routes(
    "GET",
    "/job_executions",
    says=lists("Attempts of jobs, newest first.", "job_executions", JobExecutionJson, ExecutionFilters),
)
def read_list(call: Call, user_id: UserId) -> Answer:
    filters = change(ExecutionFilters, call.query)
    page = history.list_job_executions(call.services, user_id, filters, asked_slice(call, user_id, filters))
    return page_answer(call, user_id, "job_executions", page, execution_to_json, filters)


@routes("GET", "/job_executions/{execution_id}", says=reads("One attempt of a job.", "job_execution", JobExecutionJson))
def read(call: Call, user_id: UserId, execution_id: int) -> Answer:
    return Answer({"job_execution": execution_to_json(history.get_job_execution(call.services, user_id, execution_id))})
