"""Schedules as clients read them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, NotRequired

from typing_extensions import TypedDict

from chalicelib.wire.described import CreatedAt, UpdatedAt, told
from shared.calendars import Shift
from shared.manage.recent import ScheduleWithRecent
from shared.plain_text import describe
from shared.schedule import CatchUp, DstFold, DstGap, Overlap, Schedule, ScheduleStatus, ScheduleType, ScheduleUnit
from shared.trigger import TriggerStatus


class LastRunJson(TypedDict):
    """The last run of a schedule."""

    at: Annotated[datetime, told("When it was due.")]
    status: Annotated[TriggerStatus | None, told("Where it stands.")]


class RecentJson(TypedDict):
    """What became of an occurrence."""

    due_at: Annotated[datetime, told("When it was due.")]
    status: Annotated[TriggerStatus, told("completed, failed, skipped or cancelled.")]
    trigger_id: Annotated[int | None, told("Where to read more; null when its details are gone.")]


class ScheduleJson(TypedDict):
    """When an action fires."""

    id: int
    name: str
    description: str | None
    schedule_type: ScheduleType
    schedule_value: str
    schedule_unit: ScheduleUnit | None
    schedule_status: Annotated[ScheduleStatus, told("pending, processing, processed, or inactive: paused.")]
    status_note: Annotated[str | None, told("Why Cronny itself switched it off, or left it paused.")]
    pause_note: Annotated[str | None, told("What you said of the pause.")]
    resume_at: Annotated[datetime | None, told("When the pause is over by itself.")]
    text: Annotated[str | None, told("The timing in words.")]
    starts_at: datetime | None
    ends_at: datetime | None
    timezone: str
    dst_gap: DstGap | None
    dst_fold: DstFold | None
    jitter_seconds: int
    calendar_ids: Sequence[int]
    shift: Shift | None
    max_runs: int | None
    overlap: Overlap
    catch_up: CatchUp
    catch_up_window_seconds: int | None
    priority: int
    tags: Sequence[str]
    input: Mapping[str, Any]
    action_id: int
    version: Annotated[int, told("How often its definition was edited.")]
    runs: Annotated[int, told("Occurrences, counted while max_runs is set.")]
    next_run_at: Annotated[datetime | None, told("When it fires next.")]
    last_run: Annotated[LastRunJson | None, told("Its last run.")]
    recent: NotRequired[
        Annotated[Sequence[RecentJson], told("Its last 20 outcomes, newest first; when it is read alone.")]
    ]
    created_at: CreatedAt
    updated_at: UpdatedAt


def to_json(schedule: Schedule) -> ScheduleJson:
    """What a client reads."""
    return {
        "id": schedule.id,
        "name": schedule.name,
        "description": schedule.description,
        "schedule_type": schedule.timing.schedule_type,
        "schedule_value": schedule.timing.schedule_value,
        "schedule_unit": schedule.timing.schedule_unit,
        "schedule_status": schedule.schedule_status,
        "status_note": schedule.status_note,
        "pause_note": schedule.pause_note,
        "resume_at": schedule.resume_at,
        "text": _text(schedule),
        "starts_at": schedule.timing.starts_at,
        "ends_at": schedule.timing.ends_at,
        "timezone": schedule.timing.timezone,
        "dst_gap": schedule.timing.dst_gap,
        "dst_fold": schedule.timing.dst_fold,
        "jitter_seconds": schedule.timing.jitter_seconds,
        "calendar_ids": schedule.calendar_ids,
        "shift": schedule.timing.shift,
        "max_runs": schedule.max_runs,
        "overlap": schedule.overlap,
        "catch_up": schedule.catch_up,
        "catch_up_window_seconds": schedule.catch_up_window_seconds,
        "priority": schedule.priority,
        "tags": schedule.tags,
        "input": schedule.input,
        "action_id": schedule.action_id,
        "version": schedule.version,
        "runs": schedule.runs,
        "next_run_at": schedule.next_run_at,
        "last_run": _last_run(schedule),
        "created_at": schedule.created_at,
        "updated_at": schedule.updated_at,
    }


def whole_to_json(whole: ScheduleWithRecent) -> ScheduleJson:
    """The same of one that is read alone."""
    recent: list[RecentJson] = [
        {"due_at": each.due_at, "status": each.status, "trigger_id": each.trigger_id} for each in whole.recent
    ]
    return {**to_json(whole.schedule), "recent": recent}


def _last_run(schedule: Schedule) -> LastRunJson | None:
    if schedule.last_run_at is None:
        return None
    return {"at": schedule.last_run_at, "status": TriggerStatus(schedule.last_status) if schedule.last_status else None}


def _text(schedule: Schedule) -> str | None:
    try:
        return describe(schedule.timing)
    except ValueError:  # stored by a version that read it otherwise; its status_note says more
        return None
