"""Triggers and job executions over the wire; both are read only."""

from typing import Annotated, Any

from pydantic import Field, PlainValidator

from chalicelib.wire.drafts import ABSENT, Wire
from chalicelib.wire.fields import Id, SentInstant, one_of
from shared.manage.history import TriggerWithExecutions
from shared.outcome import ExecutionStatus
from shared.store.job_executions import Recorded
from shared.trigger import Trigger, TriggerStatus

_trigger_status = one_of(TriggerStatus)
_execution_status = one_of(ExecutionStatus)


class TriggerFilters(Wire):
    """What a list can be narrowed by; ``from`` and ``to`` bound the due time, ``to`` itself excluded."""

    schedule_id: Id = ABSENT
    action_id: Id = ABSENT
    status: Annotated[str, PlainValidator(lambda value: _trigger_status(value).value)] = ABSENT
    since: SentInstant = Field(ABSENT, alias="from")
    until: SentInstant = Field(ABSENT, alias="to")


class ExecutionFilters(Wire):
    """What a list can be narrowed by; ``from`` and ``to`` bound the start, ``to`` itself excluded."""

    job_id: Id = ABSENT
    trigger_id: Id = ABSENT
    status: Annotated[str, PlainValidator(lambda value: _execution_status(value).value)] = ABSENT
    since: SentInstant = Field(ABSENT, alias="from")
    until: SentInstant = Field(ABSENT, alias="to")


def trigger_to_json(trigger: Trigger) -> dict[str, Any]:
    """What a client reads of an occurrence."""
    return {
        "id": trigger.id,
        "schedule_id": trigger.schedule_id,
        "action_id": trigger.action_id,
        "due_at": trigger.due_at,
        "kind": trigger.kind,
        "status": trigger.status,
        "hold": trigger.hold,
        "reason": trigger.reason,
        "attempt": trigger.attempt,
        "crashes": trigger.crashes,
        "next_attempt_at": trigger.next_attempt_at if trigger.status is TriggerStatus.SCHEDULED else None,
        "created_at": trigger.created_at,
        "queued_at": trigger.queued_at,
        "started_at": trigger.started_at,
        "finished_at": trigger.finished_at,
        "redrives": trigger.redrives,
        "discarded_at": trigger.discarded_at,
    }


def whole_trigger_to_json(found: TriggerWithExecutions) -> dict[str, Any]:
    """The same with what its jobs did."""
    executions = [execution_to_json(recorded) for recorded in found.job_executions]
    return {
        **trigger_to_json(found.trigger),
        "queue_failures": found.queue_failures,
        "job_executions": executions,
    }


def execution_to_json(recorded: Recorded) -> dict[str, Any]:
    """What a client reads of one attempt of one job."""
    execution = recorded.execution
    return {
        "id": recorded.id,
        "trigger_id": recorded.trigger_id,
        "job_id": recorded.job_id,
        "job_name": execution.job_name,
        "job_type": execution.job_type,
        "attempt": recorded.attempt,
        "status": execution.outcome.status,
        "error": execution.outcome.error,
        "failure": execution.outcome.failure,
        "input": execution.input,
        "output": execution.outcome.output,
        "started_at": execution.started_at,
        "finished_at": execution.finished_at,
    }
