"""Actions over the wire."""

from typing import Any

from chalicelib.wire import jobs
from chalicelib.wire.drafts import ABSENT, Wire
from chalicelib.wire.fields import LongText, Name
from shared.manage.actions import ActionWithJobs


class ActionFields(Wire):
    """What a client may write."""

    required = ("name",)

    name: Name = ABSENT
    description: LongText | None = ABSENT


def to_json(found: ActionWithJobs) -> dict[str, Any]:
    """What a client reads."""
    return {
        "id": found.action.id,
        "name": found.action.name,
        "description": found.action.description,
        "jobs": [jobs.to_json(job) for job in found.jobs],
        "created_at": found.action.created_at,
        "updated_at": found.action.updated_at,
    }
