"""What must hold among the jobs of one action, so that every chain begins once and ends."""

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
            found.append(Fault(f"jobs[{position}].condition", _describe(cycle)))
    return found


def faults_of(job: Job, others: Sequence[Job]) -> list[Fault]:
    """What is wrong with one job among the ``others`` of its action, by its own fields: ``condition``."""
    jobs = [*others, job]
    cycle = _cycle(job, jobs)
    return list(_own_faults(job, others, jobs)) + ([Fault("condition", _describe(cycle))] if cycle else [])


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
        if rule.job_id not in known:
            yield Fault(f"condition.condition_rules[{position}].job_id", "this action has no such job")


def _cycle(start: Job, jobs: Sequence[Job]) -> list[Job] | None:
    """The shortest way by conditions from a job back to itself, without the job's second mention."""
    by_id = {job.id: job for job in jobs}
    came_from: dict[JobId, Job] = {}
    waiting = deque([start])
    while waiting:
        job = waiting.popleft()
        for rule in job.condition.rules:
            if rule.job_id in came_from or rule.job_id not in by_id:
                continue
            came_from[rule.job_id] = job
            if rule.job_id == start.id:
                return _way_back(start, came_from)
            waiting.append(by_id[rule.job_id])
    return None


def _way_back(start: Job, came_from: Mapping[JobId, Job]) -> list[Job]:
    way = [came_from[start.id]]
    while way[-1].id != start.id:
        way.append(came_from[way[-1].id])
    return way[::-1]


def _describe(cycle: Sequence[Job]) -> str:
    return "a cycle: " + " -> ".join(job.name for job in (*cycle, cycle[0]))


def _under(path: str, fault: Fault) -> Fault:
    return Fault(f"{path}.{fault.field}", fault.message)
