"""Triggers: one occurrence of a schedule each, decided exactly once.

scheduled --dispatch--> queued --claim--> executing --finish--> completed | failed
    |  ^                  |                   |
    |  `------------------|-------------------|-- a job failed and is tried again, at its time
    |  `------------------|-------------------|-- its executor died, fewer than MAX_CRASHES times
    |                     |                   |-- the schedule changed meanwhile, or it died once too often --> failed
    |                     |                   `-- the next run of its schedule takes its place --> cancelled
    |                     `--pause, edit, delete, replaced--> cancelled --resume at the same due time--> scheduled
    |--due, but it may not go yet--> scheduled, with a hold
    |--pause, edit, delete, replaced--> cancelled
    `--missed for too long, another run goes on--> skipped

failed, and not discarded: a dead letter --redrive--> scheduled
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from shared.action import ActionId
from shared.job import JobId, JsonObject
from shared.schedule import Overlap, ScheduleId, ScheduleType
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


class Hold(StrEnum):
    """What a trigger that is due waits for: another run of its schedule, its user's share, or a broken target."""

    OVERLAP = "overlap"
    LIMIT = "limit"
    BREAKER = "breaker"


@dataclass(frozen=True, slots=True)
class Trigger:
    """An occurrence as its owner sees it. ``reason``: why it did not complete, or has not yet, by ``hold``."""

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
    hold: Hold | None = None
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
    overlap: Overlap
    # What may be sent once only, and may have been when the executor of the last attempt was lost.
    sending_job_id: JobId | None = None

    @property
    def others_wait(self) -> bool:
        """Whether other runs of its schedule may wait for its end."""
        return self.overlap != Overlap.ALLOW and self.schedule_type != ScheduleType.RELATIVE

    @property
    def replaceable(self) -> bool:
        """Whether the next run of its schedule may take its place while it goes on."""
        return self.overlap == Overlap.CANCEL_RUNNING and self.schedule_type != ScheduleType.RELATIVE

    @property
    def leads_on(self) -> bool:
        """Whether its end plans the next run: see ``leads_on``."""
        return leads_on(self.schedule_type, self.kind, self.redrives)


def leads_on(schedule_type: str, kind: str, redrives: int) -> bool:
    """Whether the end of a trigger plans the next run: that of a relative schedule, unless somebody asked for it."""
    return schedule_type == ScheduleType.RELATIVE and kind == TriggerKind.PLANNED and redrives == 0
