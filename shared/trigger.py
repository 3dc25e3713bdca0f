"""Triggers: one occurrence of a schedule each, decided exactly once.

scheduled --dispatch--> queued --claim--> executing --finish--> completed | failed
    |  ^                  |                   |
    |  `------------------|-------------------|-- a job failed and is tried again, at its time
    |  `------------------|-------------------|-- its executor died, fewer than MAX_CRASHES times
    |                     |                   `-- the schedule changed meanwhile, or it died once too often --> failed
    |                     `--pause, edit, delete--> cancelled --resume at the same due time--> scheduled
    |--pause, edit, delete--> cancelled
    `--missed for too long--> skipped

failed, and not discarded: a dead letter --redrive--> scheduled
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from shared.action import ActionId
from shared.job import JsonObject
from shared.schedule import ScheduleId, ScheduleType
from shared.user import UserId

TriggerId = NewType("TriggerId", int)


class TriggerStatus(StrEnum):
    """Where an occurrence stands."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    EXECUTING = "executing"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class TriggerKind(StrEnum):
    """Who wanted it: the timetable, its user at once, or its user for a time that has passed."""

    PLANNED = "planned"
    MANUAL = "manual"
    BACKFILL = "backfill"


@dataclass(frozen=True, slots=True)
class Trigger:
    """An occurrence as its owner sees it. ``reason`` says why it did not complete, or has not yet."""

    id: TriggerId
    user_id: UserId
    schedule_id: ScheduleId
    action_id: ActionId | None
    due_at: datetime
    kind: TriggerKind
    status: TriggerStatus
    reason: str | None
    attempt: int
    crashes: int
    next_attempt_at: datetime
    created_at: datetime
    queued_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    redrives: int = 0
    discarded_at: datetime | None = None

    @property
    def wanted_as(self) -> TriggerKind:
        """What was sent on its way again is its user's wish, whoever wanted it first."""
        return TriggerKind.MANUAL if self.redrives else self.kind


@dataclass(frozen=True, slots=True)
class Claim:
    """One trigger that this executor, and nobody else, may run until its lease ends.

    Every later write names ``(id, attempt)``, so that an executor that lost its lease changes nothing.
    """

    id: TriggerId
    attempt: int
    user_id: UserId
    schedule_id: ScheduleId
    action_id: ActionId | None
    due_at: datetime
    schedule_type: ScheduleType
    schedule_name: str
    schedule_input: JsonObject
    kind: TriggerKind
    # When its first attempt began.
    started_at: datetime
    lease_until: datetime
    redrives: int
    # What replaces the inputs of its jobs: {"job id": input}.
    job_inputs: JsonObject | None

    @property
    def leads_on(self) -> bool:
        """Whether its end plans the next run: see ``leads_on``."""
        return leads_on(self.schedule_type, self.kind, self.redrives)


def leads_on(schedule_type: str, kind: str, redrives: int) -> bool:
    """Whether the end of a trigger plans the next run: that of a relative schedule, unless somebody asked for it."""
    return schedule_type == ScheduleType.RELATIVE and kind == TriggerKind.PLANNED and redrives == 0
