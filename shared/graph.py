"""What must hold among the jobs of one action, so that every run of it begins once and ends."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence

from shared import inputs
from shared.action import JobGraph
from shared.errors import Fault
from shared.job import Job, JobId


def faults(jobs: Sequence[Job]) -> list[Fault]:
    """Everything wrong with the jobs of an action, as ``jobs[3].condition``; each cycle once."""
    found: list[Fault] = []
    cycles: set[frozenset[JobId]] = set()
    for position, job in enumerate(jobs):
        found += (_under(f"jobs[{position}]", fault) for fault in _own_faults(job, jobs[:position], jobs))
        cycle = _cycle(job, jobs)
        if cycle and frozenset(step.id for step in cycle) not in cycles:
            cycles.add(frozenset(step.id for step in cycle))
            found.append(_under(f"jobs[{position}]", _cycle_fault(job, cycle)))
    return found


def faults_of(job: Job, others: Sequence[Job]) -> list[Fault]:
    """What is wrong with one job among the ``others`` of its action, by its own fields, such as ``condition``."""
    jobs = [*others, job]
    cycle = _cycle(job, jobs)
    return list(_own_faults(job, others, jobs)) + ([_cycle_fault(job, cycle)] if cycle else [])


def incomplete(jobs: Sequence[Job]) -> list[Job]:
    """Those that name a job that is not among them: by a condition, for their failure, or for their input."""
    return [job for job in jobs if any(_own_faults(job, (), jobs))]


def _own_faults(job: Job, before: Sequence[Job], jobs: Sequence[Job]) -> Iterator[Fault]:
    root = next((other for other in before if other.is_root_job), None) if job.is_root_job else None
    if root is not None:
        yield Fault("is_root_job", f"{root.name} is the root job already, and a chain begins only once")
    if any(other.name == job.name for other in before):
        yield Fault("name", "another job of this action has this name")
    yield from _foreign_targets(job, jobs)
    yield from inputs.check(job, JobGraph(tuple(jobs)))


def _foreign_targets(job: Job, jobs: Sequence[Job]) -> Iterator[Fault]:
    known = {other.id for other in jobs}
    for position, rule in enumerate(job.condition.rules):
        for place, job_id in enumerate(rule.job_ids):
            if job_id not in known:
                within = f"[{place}]" if len(rule.job_ids) > 1 else ""
                yield Fault(f"condition.condition_rules[{position}].job_id{within}", "this action has no such job")
    if job.on_failure_job_id is not None and job.on_failure_job_id not in known:
        yield Fault("on_failure_job_id", "this action has no such job")


def _cycle(start: Job, jobs: Sequence[Job]) -> list[Job] | None:
    """The shortest way from a job back to itself, by conditions and failures, without the job's second mention."""
    by_id = {job.id: job for job in jobs}
    came_from: dict[JobId, Job] = {}
    waiting = deque([start])
    while waiting:
        job = waiting.popleft()
        for following in job.leads_to:
            if following in came_from or following not in by_id:
                continue
            came_from[following] = job
            if following == start.id:
                return _way_back(start, came_from)
            waiting.append(by_id[following])
    return None


def _way_back(start: Job, came_from: Mapping[JobId, Job]) -> list[Job]:
    way = [came_from[start.id]]
    while way[-1].id != start.id:
        way.append(came_from[way[-1].id])
    return way[::-1]


def _cycle_fault(job: Job, cycle: Sequence[Job]) -> Fault:
    """Under the field of the job by which the cycle leaves it."""
    following = cycle[1] if len(cycle) > 1 else job
    field = "condition" if following.id in job.condition_leads_to else "on_failure_job_id"
    if following is job and field == "on_failure_job_id":
        return Fault(field, "a job cannot run after its own failure; its retry says how often it is tried again")
    return Fault(field, _describe(cycle))


def _describe(cycle: Sequence[Job]) -> str:
    return "a cycle: " + " -> ".join(job.name for job in (*cycle, cycle[0]))


def _under(path: str, fault: Fault) -> Fault:
    return Fault(f"{path}.{fault.field}", fault.message)
