"""Which job of an action is next: what leads where, what waits for what, and where nothing leads any more. Pure.

Jobs run one after the other, also those of a fork: in the order in which they were led to, and none before everything
that may still lead to it has ended. No edges of a saved action make a circle, so there is always one that is next.
"""

from collections.abc import Callable, Container, Iterable, Sequence

from shared.action import JobGraph
from shared.job import Job, JobId

Leads = Callable[[Job], Iterable[JobId]]


class Route:
    """The way of one attempt through the jobs of its action.

    - *waiting*: something led there, and it has not ended. What runs now is one of them.
    - *aside*: it is left to another attempt, and whatever it may lead to has to wait for it.
    - *closed*: a job that failed for good would have led there. It does not run, whoever else leads to it: after a
      redrive the one that failed leads there again.
    """

    def __init__(self, graph: JobGraph, settled: Container[JobId] = (), tried: Container[JobId] = ()) -> None:
        self._jobs = {job.id: job for job in graph.jobs}
        self._leads_to: dict[JobId, tuple[JobId, ...]] = {}
        self._settled = settled
        self._tried = tried
        self._waiting: list[Job] = []
        self._aside: list[Job] = []
        self._ended: set[JobId] = set()
        self._closed: set[JobId] = set()
        self._called: set[JobId] = set()

    def begin(self, job: Job) -> None:
        """With the root job."""
        self._waiting.append(job)

    def next(self) -> Job | None:
        """The job to run now; it stays the next one until it has ended or was put aside. None: there is none.

        Of several, what is settled since an earlier attempt comes first, so that the first failure stays the first;
        and what was tried in one comes last: it may take long, and fail again.
        """
        if len(self._waiting) + len(self._aside) < 2:
            return self._waiting[0] if self._waiting else None
        started = (*self._waiting, *self._aside)
        later = self._beyond((one for job in started for one in self._all_of(job)), self._all_of)
        ready = [job for job in self._waiting if job.id not in later]
        return min(ready, key=self._turn, default=None)

    def _turn(self, job: Job) -> tuple[bool, bool]:
        return job.id not in self._settled, job.id in self._tried

    def others(self, job: Job) -> bool:
        """Whether any other job waits for its turn."""
        return any(other is not job for other in self._waiting)

    @property
    def stuck(self) -> Job | None:
        """A job that can have no turn although nothing is left to another attempt: its action has a cycle."""
        return self._waiting[0] if self._waiting and not self._aside and self.next() is None else None

    def completed(self, job: Job, following: Sequence[JobId]) -> list[str]:
        """It leads on to these; answers why it cannot, where it cannot."""
        self._end(job)
        return self._lead(job, following)

    def failed(self, job: Job) -> list[str]:
        """It failed for good: it leads to its own ``on_failure_job_id`` only, and to none of those it would have.

        Where that job leads, the way is open.
        """
        self._end(job)
        handler = () if job.on_failure_job_id is None else (job.on_failure_job_id,)
        beyond = self._beyond(job.condition_leads_to, lambda other: other.condition_leads_to)
        self._closed |= beyond - self._beyond(handler, self._all_of)
        self._called |= set(handler)
        self._waiting = [other for other in self._waiting if self._open(other.id)]
        return self._lead(job, handler)

    def put_aside(self, job: Job) -> None:
        """It is left to another attempt."""
        self._waiting.remove(job)
        self._aside.append(job)

    def _all_of(self, job: Job) -> tuple[JobId, ...]:
        """Where it may lead, found once: a condition has up to 10,000 ids."""
        if job.id not in self._leads_to:
            self._leads_to[job.id] = job.leads_to
        return self._leads_to[job.id]

    def _end(self, job: Job) -> None:
        self._waiting.remove(job)
        self._ended.add(job.id)

    def _open(self, job_id: JobId) -> bool:
        return job_id not in self._closed or job_id in self._called

    def _lead(self, job: Job, following: Sequence[JobId]) -> list[str]:
        wrong = []
        for job_id in following:
            found = self._jobs.get(job_id)
            if found is None:
                wrong.append(f"job {job.name} leads to a job that this action no longer has")
            # No cycle is saved. Each job runs once all the same, so that every walk ends.
            elif job_id in self._ended:
                wrong.append(f"job {job.name} leads back to {found.name}: a cycle")
            elif found not in self._waiting and self._open(job_id):
                self._waiting.append(found)
        return wrong

    def _beyond(self, start: Iterable[JobId], leads: Leads) -> set[JobId]:
        """These jobs, and all that they may lead to."""
        found: set[JobId] = set()
        ahead = list(start)
        while ahead:
            job_id = ahead.pop()
            if job_id not in found and job_id in self._jobs:
                found.add(job_id)
                ahead += leads(self._jobs[job_id])
        return found
