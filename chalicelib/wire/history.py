"""Triggers and job executions over the wire; both are read only."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import PlainValidator
from typing_extensions import TypedDict

from chalicelib.wire.described import CreatedAt, sent, told, words
from chalicelib.wire.drafts import Wire
from chalicelib.wire.fields import Id, SentInstant, one_of
from shared.failure import FailureKind
from shared.manage.history import TriggerWithExecutions
from shared.outcome import ExecutionStatus
from shared.store.job_executions import Recorded
from shared.trigger import Hold, Trigger, TriggerKind, TriggerStatus

_trigger_status = one_of(TriggerStatus)
_execution_status = one_of(ExecutionStatus)


class TriggerFilters(Wire):
    """What a list can be narrowed by; ``from`` and ``to`` bound the due time, ``to`` itself excluded."""

    schedule_id: Id = sent("Of this schedule only.")
    action_id: Id = sent("Of this action only.")
    status: Annotated[str, PlainValidator(lambda value: _trigger_status(value).value), words(TriggerStatus)] = sent(
        "Of this status only."
    )
    since: SentInstant = sent("Due then or later.", alias="from")
    until: SentInstant = sent("Due before.", alias="to")


class ExecutionFilters(Wire):
    """What a list can be narrowed by; ``from`` and ``to`` bound the start, ``to`` itself excluded."""

    job_id: Id = sent("Of this job only.")
    trigger_id: Id = sent("Of this trigger only.")
    status: Annotated[str, PlainValidator(lambda value: _execution_status(value).value), words(ExecutionStatus)] = sent(
        "Of this status only."
    )
    since: SentInstant = sent("Started then or later.", alias="from")
    until: SentInstant = sent("Started before.", alias="to")


class TriggerJson(TypedDict):
    """One occurrence of a schedule."""

    id: int
    schedule_id: Annotated[int, told("Whose occurrence it is.")]
    action_id: Annotated[int | None, told("What it does; null when that is gone.")]
    due_at: Annotated[datetime, told("When it was to run.")]
    kind: Annotated[TriggerKind, told("planned by the timetable, manual (a run now), or a backfill.")]
    status: Annotated[TriggerStatus, told("Where it stands.")]
    hold: Annotated[Hold | None, told("What it waits for, although it is due.")]
    reason: Annotated[str | None, told("Why it did not complete, or has not yet.")]
    attempt: Annotated[int, told("How many attempts there were.")]
    crashes: Annotated[int, told("How many of them died with their executor.")]
    next_attempt_at: Annotated[datetime | None, told("When it may go, while it is scheduled.")]
    created_at: CreatedAt
    queued_at: Annotated[datetime | None, told("When it was handed to the executors.")]
    started_at: Annotated[datetime | None, told("When its first attempt began.")]
    finished_at: Annotated[datetime | None, told("When it ended for good.")]
    redrives: Annotated[int, told("How often it was sent on its way again.")]
    discarded_at: Annotated[datetime | None, told("Since when it is no dead letter any more.")]


class JobExecutionJson(TypedDict):
    """The record of one attempt of one job."""

    id: int
    trigger_id: Annotated[int, told("In which trigger it ran.")]
    job_id: Annotated[int | None, told("The job; null when it is gone.")]
    job_name: Annotated[str, told("Its name at that time.")]
    job_type: Annotated[str, told("Its type at that time.")]
    attempt: Annotated[int, told("In which attempt of the trigger.")]
    status: Annotated[ExecutionStatus, told("How it ended.")]
    error: Annotated[str | None, told("Why it failed, in a sentence.")]
    failure: Annotated[FailureKind | None, told("What kind of failure it was.")]
    final: Annotated[bool, told("Whether it failed for good: it is not tried again unless the run is redriven.")]
    input: Annotated[Any, told("What the job was given.")]
    output: Annotated[Any, told("What it answered.")]
    started_at: Annotated[datetime, told("When it began.")]
    finished_at: Annotated[datetime, told("When it ended.")]


class LagJson(TypedDict):
    """How long each stage took, in seconds; null for one that did not end. Of several attempts: until the last one."""

    due_to_queued: Annotated[float | None, told("Until it was handed to the executors.")]
    queued_to_started: Annotated[float | None, told("Until its first attempt began; null if it was queued again.")]
    started_to_finished: Annotated[float | None, told("Until it ended for good.")]


class WholeTriggerJson(TriggerJson):
    """One occurrence with what its jobs did."""

    trace_id: Annotated[str, told("Stands in the traceparent of the requests that it sent: find them by it.")]
    lag: Annotated[LagJson, told("How long each stage took.")]
    queue_failures: Annotated[int, told("How many messages that named it no executor could take.")]
    job_executions: Annotated[list[JobExecutionJson], told("All attempts of all jobs.")]


def trigger_to_json(trigger: Trigger) -> TriggerJson:
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


def whole_trigger_to_json(found: TriggerWithExecutions) -> WholeTriggerJson:
    """The same with what its jobs did."""
    executions = [execution_to_json(recorded) for recorded in found.job_executions]
    return {
        **trigger_to_json(found.trigger),
        "trace_id": found.trace_id,
        "lag": _lag(found.trigger),
        "queue_failures": found.queue_failures,
        "job_executions": executions,
    }


def _lag(trigger: Trigger) -> LagJson:
    return {
        "due_to_queued": _seconds(trigger.due_at, trigger.queued_at),
        "queued_to_started": _seconds(trigger.queued_at, trigger.started_at),
        "started_to_finished": _seconds(trigger.started_at, trigger.finished_at),
    }


def _seconds(begin: datetime | None, end: datetime | None) -> float | None:
    # A retry is queued again long after the first attempt began: then there is nothing to tell.
    if begin is None or end is None or end < begin:
        return None
    return round((end - begin).total_seconds(), 3)


def execution_to_json(recorded: Recorded) -> JobExecutionJson:
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
        "final": execution.final,
        "input": execution.input,
        "output": execution.outcome.output,
        "started_at": execution.started_at,
        "finished_at": execution.finished_at,
    }
