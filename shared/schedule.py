"""Schedules: when an action fires."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from shared.action import ActionId
from shared.calendars import Calendar, CalendarId, Shift
from shared.job import JsonObject
from shared.user import UserId

ScheduleId = NewType("ScheduleId", int)

# Of 0 to 9, the highest first: how a schedule's triggers stand in the line for its user's share.
DEFAULT_PRIORITY = 5


class ScheduleType(StrEnum):
    """One instant, a repeated timetable, or a delay after each run."""

    ABSOLUTE = "absolute"
    RECURRING = "recurring"
    RELATIVE = "relative"


class ScheduleUnit(StrEnum):
    """What ``schedule_value`` counts; ``cron`` makes it an expression, ``duration`` says it in ISO 8601."""

    SECOND = "second"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    CRON = "cron"
    DURATION = "duration"

    @property
    def seconds(self) -> int | None:
        """Length of the unit; None for cron and duration, whose value says it."""
        return {"second": 1, "minute": 60, "hour": 3600, "day": 86400}.get(self.value)


class DstGap(StrEnum):
    """What becomes of a wall-clock time that the clock leaves out when it goes forward."""

    RUN_AFTER = "run_after"
    SKIP = "skip"


class DstFold(StrEnum):
    """Which of the two instants counts when the clock goes back and a wall-clock time comes twice."""

    FIRST = "first"
    LAST = "last"
    BOTH = "both"


class Overlap(StrEnum):
    """What becomes of an occurrence while another run of its schedule has not ended."""

    SKIP = "skip"
    BUFFER_ONE = "buffer_one"
    BUFFER_ALL = "buffer_all"
    ALLOW = "allow"
    CANCEL_RUNNING = "cancel_running"


class CatchUp(StrEnum):
    """What becomes of occurrences whose time has passed: none of them, the latest, or all that are not too old."""

    NONE = "none"
    LATEST = "latest"
    ALL = "all"


class ScheduleStatus(StrEnum):
    """pending: to be planned. processing: its next trigger stands. processed: nothing is left. inactive: paused."""

    PENDING = "pending"
    PROCESSING = "processing"
    PROCESSED = "processed"
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True)
class Timing:
    """When a schedule fires, as its user wrote it. Unit is None only for absolute schedules.

    ``dst_gap`` and ``dst_fold`` None: fixed times run once each, wildcards keep their real-time cadence. ``seed`` is
    the schedule's id, by which ``H`` and jitter spread: the same for every process, different for every schedule.
    ``calendars`` exclude times; ``shift`` None: what they exclude is skipped.
    ``anchor`` is the instant from which fixed rates are counted: ``starts_at``, else the whole second of creation.
    """

    schedule_type: ScheduleType
    schedule_value: str
    schedule_unit: ScheduleUnit | None
    timezone: str
    anchor: datetime
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    dst_gap: DstGap | None = None
    dst_fold: DstFold | None = None
    jitter_seconds: int = 0
    seed: int = 0
    calendars: tuple[Calendar, ...] = ()
    shift: Shift | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule as its owner sees it.

    ``status_note`` says why Cronny itself switched a schedule off, or left it paused. ``pause_note`` is what its user
    said of a pause, which is over by itself at ``resume_at``. ``runs`` counts the occurrences dispatched while
    ``max_runs`` is set, ``version`` the edits of its definition. ``catch_up_window_seconds`` None: ``catch_up``'s own.
    """

    id: ScheduleId
    user_id: UserId
    action_id: ActionId
    name: str
    description: str | None
    schedule_status: ScheduleStatus
    status_note: str | None
    timing: Timing
    max_runs: int | None
    runs: int
    input: JsonObject
    version: int
    created_at: datetime
    updated_at: datetime
    calendar_ids: tuple[CalendarId, ...] = ()
    next_run_at: datetime | None = None
    last_run_at: datetime | None = None
    last_status: str | None = None
    overlap: Overlap = Overlap.ALLOW
    catch_up: CatchUp = CatchUp.LATEST
    catch_up_window_seconds: int | None = None
    pause_note: str | None = None
    resume_at: datetime | None = None
    tags: tuple[str, ...] = ()
    priority: int = DEFAULT_PRIORITY
