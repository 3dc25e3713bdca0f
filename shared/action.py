"""Actions: what a schedule does, jobs that follow each other from its root job on."""

from dataclasses import dataclass
from datetime import datetime
from typing import NewType

from shared.job import Job, JobId
from shared.user import UserId

ActionId = NewType("ActionId", int)


@dataclass(frozen=True, slots=True)
class Action:
    """A named set of jobs of one user."""

    id: ActionId
    user_id: UserId
    name: str
    description: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class JobGraph:
    """The jobs of one action, ready to run: looked up by id or by name."""

    jobs: tuple[Job, ...]

    @property
    def root(self) -> Job | None:
        """Where a run begins; None when the action has no job to begin with."""
        return next((job for job in self.jobs if job.is_root_job), None)

    def find(self, key: JobId | int | str) -> Job | None:
        """The job with this id or name; None when it is not of this action."""
        return next((job for job in self.jobs if key in (job.id, job.name, str(job.id))), None)
