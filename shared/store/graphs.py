"""SQL that loads what a run needs: the jobs of actions, and what earlier attempts completed."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, any_, select

from shared.action import ActionId, JobGraph
from shared.errors import Invalid
from shared.job import Job, JobId
from shared.outcome import ExecutionStatus, JobExecution, Outcome
from shared.store.arrays import ids
from shared.store.jobs import read_job
from shared.store.tables import job_executions, jobs
from shared.trigger import TriggerId

OF_ACTIONS = select(jobs).where(jobs.c.action_id == any_(ids("ids"))).order_by(jobs.c.id)
COMPLETED = select(job_executions).where(
    job_executions.c.trigger_id == any_(ids("ids")),
    job_executions.c.status == "completed",
    job_executions.c.job_id.is_not(None),
)


def graphs(connection: Connection, action_ids: Sequence[ActionId]) -> Mapping[ActionId, JobGraph | Exception]:
    """The jobs of each action; for an action with a job that cannot be read, the error that says so."""
    found: dict[ActionId, list[Job]] = defaultdict(list)
    broken: dict[ActionId, JobGraph | Exception] = {}
    for row in connection.execute(OF_ACTIONS, {"ids": sorted(set(action_ids))}):
        try:
            found[row.action_id].append(read_job(row))
        except (ValueError, Invalid) as error:
            broken[row.action_id] = error
    return {action: JobGraph(tuple(found[action])) for action in action_ids} | broken


def completed(connection: Connection, trigger_ids: Sequence[TriggerId]) -> dict[TriggerId, dict[JobId, JobExecution]]:
    """The job executions that earlier attempts of these triggers completed, by job."""
    done: dict[TriggerId, dict[JobId, JobExecution]] = defaultdict(dict)
    if trigger_ids:
        for row in connection.execute(COMPLETED, {"ids": list(trigger_ids)}):
            done[row.trigger_id][row.job_id] = _execution(row)
    return done


def _execution(row: Any) -> JobExecution:
    return JobExecution(
        row.job_id,
        row.job_name,
        row.job_type,
        row.input,
        Outcome(ExecutionStatus(row.status), row.output, row.error),
        row.started_at,
        row.finished_at,
    )
