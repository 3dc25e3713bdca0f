"""Actions over the wire."""

from typing import Annotated

from typing_extensions import TypedDict

from chalicelib.wire import jobs
from chalicelib.wire.described import CreatedAt, UpdatedAt, sent, told
from chalicelib.wire.drafts import Wire
from chalicelib.wire.fields import LongText, Name
from shared.manage.actions import ActionWithJobs


class ActionFields(Wire):
    """What a client may write."""

    required = ("name",)

    name: Name = sent("What you call it.", example="nightly report")
    description: LongText | None = sent("For people.")


class ActionJson(TypedDict):
    """What is done: jobs that follow each other."""

    id: int
    name: str
    description: str | None
    jobs: Annotated[list[jobs.JobJson], told("The jobs, in the order in which they were made.")]
    created_at: CreatedAt
    updated_at: UpdatedAt


def to_json(found: ActionWithJobs) -> ActionJson:
    """What a client reads."""
    return {
        "id": found.action.id,
        "name": found.action.name,
        "description": found.action.description,
        "jobs": [jobs.to_json(job) for job in found.jobs],
        "created_at": found.action.created_at,
        "updated_at": found.action.updated_at,
    }
