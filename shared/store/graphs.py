"""SQL that loads what a run needs: the jobs of actions, and what earlier attempts completed."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, any_, func, or_, select

from shared.action import ActionId, JobGraph
from shared.errors import Invalid
from shared.job import Job, JobId
from shared.outcome import ExecutionStatus, FailureKind, JobExecution, Outcome
from shared.store.arrays import ids
from shared.store.jobs import read_job
from shared.store.tables import job_executions, jobs, triggers
from shared.trigger import TriggerId

OF_ACTIONS = select(jobs).where(jobs.c.action_id == any_(ids("ids"))).order_by(jobs.c.id)
# A redriven trigger begins to count anew, and may even begin at the first job again.
# A failure that was final stands until then: its job is not tried again, and what follows from it goes on.
SETTLED = (
    select(job_executions)
    .join(triggers, triggers.c.id == job_executions.c.trigger_id)
    .where(
        job_executions.c.trigger_id == any_(ids("ids")),
        job_executions.c.job_id.is_not(None),
        or_(
            and_(
                job_executions.c.status == "completed",
                job_executions.c.attempt > triggers.c.results_after,
            ),
            and_(job_executions.c.final, job_executions.c.attempt > triggers.c.tries_after),
        ),
    )
    .order_by(job_executions.c.id)
)
TRIES = (
    select(
        job_executions.c.trigger_id,
        job_executions.c.job_id,
        func.count().label("tries"),
        func.min(job_executions.c.started_at).label("since"),
    )
    .join(triggers, triggers.c.id == job_executions.c.trigger_id)
    .where(
        job_executions.c.trigger_id == any_(ids("ids")),
        job_executions.c.status == "failed",
        job_executions.c.job_id.is_not(None),
        job_executions.c.attempt > triggers.c.tries_after,
    )
    .group_by(job_executions.c.trigger_id, job_executions.c.job_id)
)


@dataclass(slots=True)
class Earlier:
    """What earlier attempts of a trigger left: jobs that are settled, how often each has failed, and since when."""

    done: dict[JobId, JobExecution] = field(default_factory=dict)
    tries: dict[JobId, int] = field(default_factory=dict)
    since: datetime | None = None


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


def earlier(connection: Connection, trigger_ids: Sequence[TriggerId]) -> Mapping[TriggerId, Earlier]:
    """What counts of the earlier attempts of these triggers."""
    found: dict[TriggerId, Earlier] = defaultdict(Earlier)
    if not trigger_ids:
        return found
    for row in connection.execute(SETTLED, {"ids": list(trigger_ids)}):
        found[row.trigger_id].done[row.job_id] = _execution(row)
    for row in connection.execute(TRIES, {"ids": list(trigger_ids)}):
        left = found[row.trigger_id]
        left.tries[row.job_id] = row.tries
        left.since = min(row.since, left.since or row.since)
    return found


def _execution(row: Any) -> JobExecution:
    return JobExecution(
        row.job_id,
        row.job_name,
        row.job_type,
        row.input,
        Outcome(ExecutionStatus(row.status), row.output, row.error, FailureKind(row.failure) if row.failure else None),
        row.started_at,
        row.finished_at,
        row.final,
    )
