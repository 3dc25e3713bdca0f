"""What became of occurrences: triggers and job executions, read only."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.errors import NotFound
from shared.manage.draft import Draft
from shared.paging import Page, Slice
from shared.services import Services
from shared.store import dead_messages, job_executions, triggers
from shared.store.job_executions import Recorded
from shared.tracing import trace_id
from shared.trigger import Trigger, TriggerId
from shared.user import UserId


@dataclass(frozen=True, slots=True)
class TriggerWithExecutions:
    """An occurrence and everything that its jobs did, attempt by attempt.

    ``queue_failures`` is how many messages that named it no executor could take, in the last two weeks. By ``trace_id``
    its requests are found in the traces of those whom they called.
    """

    trigger: Trigger
    job_executions: Sequence[Recorded]
    queue_failures: int
    trace_id: str


def list_triggers(services: Services, user_id: UserId, draft: Draft, part: Slice) -> Page[Trigger]:
    """The caller's triggers, narrowed by the draft's fields, newest first."""
    draft.accept()
    with services.database.begin() as connection:
        return triggers.read_list(connection, user_id, draft.fields, part)


def get_trigger(services: Services, user_id: UserId, trigger_id: TriggerId) -> TriggerWithExecutions:
    """One trigger; raises ``NotFound``."""
    with services.database.begin() as connection:
        trigger = triggers.find(connection, user_id, trigger_id)
        if trigger is None:
            raise NotFound("There is no such trigger.")
        done = job_executions.of_trigger(connection, user_id, trigger_id)
        failures = dead_messages.failures(connection, trigger_id)
    return TriggerWithExecutions(trigger, done, failures, trace_id(services.settings, trigger_id))


def list_job_executions(services: Services, user_id: UserId, draft: Draft, part: Slice) -> Page[Recorded]:
    """The caller's job executions, narrowed by the draft's fields, newest first."""
    draft.accept()
    with services.database.begin() as connection:
        return job_executions.read_list(connection, user_id, draft.fields, part)


def get_job_execution(services: Services, user_id: UserId, execution_id: int) -> Recorded:
    """One job execution; raises ``NotFound``."""
    with services.database.begin() as connection:
        found = job_executions.find(connection, user_id, execution_id)
    if found is None:
        raise NotFound("There is no such job execution.")
    return found
