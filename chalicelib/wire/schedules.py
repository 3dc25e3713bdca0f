"""Schedules over the wire."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, StringConstraints, WithJsonSchema
from typing_extensions import TypedDict

from chalicelib.wire.described import CreatedAt, UpdatedAt, sent, told, words
from chalicelib.wire.drafts import Wire
from chalicelib.wire.fields import Count, Id, Instant, LongText, Name, Object, SearchText, ShortText, no_bool, one_of
from shared.calendars import Shift
from shared.manage.schedules import Wish
from shared.plain_text import describe
from shared.schedule import CatchUp, DstFold, DstGap, Overlap, Schedule, ScheduleStatus, ScheduleType, ScheduleUnit
from shared.trigger import TriggerStatus

TYPE_CODES = {1: ScheduleType.ABSOLUTE, 2: ScheduleType.RECURRING, 3: ScheduleType.RELATIVE}
STATUS_CODES = {
    1: ScheduleStatus.PENDING,
    2: ScheduleStatus.PROCESSING,
    3: ScheduleStatus.PROCESSED,
    4: ScheduleStatus.INACTIVE,
}
_WISHES = {ScheduleStatus.PENDING: Wish.RUN, ScheduleStatus.PROCESSING: Wish.RUN}

read_type = one_of(ScheduleType, TYPE_CODES)
read_status = one_of(ScheduleStatus, STATUS_CODES)


def _wish(value: object) -> Wish:
    return _WISHES.get(read_status(value), Wish.PAUSE)


def _as_text(value: object) -> object:
    """10, 10.0 and "10" are the same interval."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _unit(value: object) -> object:
    """ "Seconds" is "second". Whether there is such a unit depends on the type: a single instant has none."""
    if not isinstance(value, str):
        return value
    return re.sub(r"s$", "", value.strip().lower()) or None


MAX_VALUE = 200
VALUE = {"anyOf": [{"type": "string", "minLength": 1, "maxLength": MAX_VALUE}, {"type": "integer"}]}

# Up to thirty days.
Window = Annotated[int, BeforeValidator(no_bool), Field(ge=0, le=2_592_000)]
Seconds = Annotated[int, BeforeValidator(no_bool), Field(ge=0, le=86400)]
Ids = Annotated[list[Id], Field(max_length=20)]


def _word(kind: type[DstGap] | type[DstFold] | type[Shift]) -> Callable[[object], str | None]:
    """Reads one of the words; null and "" clear."""
    read = one_of(kind)
    return lambda value: None if value in (None, "") else read(value).value


def _policy(default: Overlap | CatchUp) -> Callable[[object], str]:
    """Reads one of the words; null and "" are what it is unless somebody says otherwise."""
    read = one_of(type(default))
    return lambda value: default.value if value in (None, "") else read(value).value


class ScheduleFields(Wire):
    """What a client may write."""

    required: ClassVar[tuple[str, ...]] = ("name", "schedule_type", "schedule_value", "action_id")

    name: Name = sent("What you call it.", example="weekday mornings")
    description: LongText | None = sent("For people.")
    schedule_type: Annotated[
        str, PlainValidator(lambda value: read_type(value).value), words(ScheduleType, TYPE_CODES)
    ] = sent(
        "absolute fires once; recurring by a timetable; relative so long after each run. 1, 2 and 3 mean the same.",
        example="recurring",
    )
    schedule_value: Annotated[
        str,
        BeforeValidator(_as_text),
        StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_VALUE),
        WithJsonSchema(VALUE),
    ] = sent(
        "An instant, a cron expression, a whole number or an ISO 8601 duration, as type and unit say.",
        example="0 9 * * mon-fri",
    )
    schedule_unit: Annotated[ShortText | None, BeforeValidator(_unit), words(ScheduleUnit, null=True)] = sent(
        "What the value counts; cron makes it an expression, duration says it in ISO 8601. An instant needs none.",
        example="cron",
    )
    schedule_status: Annotated[Wish, PlainValidator(_wish), words(ScheduleStatus, STATUS_CODES)] = sent(
        "pending and processing (1, 2) resume it, processed and inactive (3, 4) pause it."
    )
    timezone: Annotated[ShortText | None, AfterValidator(lambda name: name or "UTC")] = sent(
        "An IANA name, in which cron expressions are read; null is UTC.", example="Europe/Berlin"
    )
    dst_gap: Annotated[str | None, PlainValidator(_word(DstGap)), words(DstGap, null=True)] = sent(
        "A time that the clock leaves out when it goes forward: runs when the gap ends, or is left out."
    )
    dst_fold: Annotated[str | None, PlainValidator(_word(DstFold)), words(DstFold, null=True)] = sent(
        "A time that comes twice when the clock goes back: which of the two counts."
    )
    jitter_seconds: Annotated[Seconds | None, AfterValidator(lambda seconds: seconds or 0)] = sent(
        "Each occurrence comes up to so many seconds late, always by the same amount."
    )
    calendar_ids: Annotated[Ids | None, AfterValidator(lambda ids: ids or [])] = sent(
        "Calendars at whose times nothing fires."
    )
    shift: Annotated[str | None, PlainValidator(_word(Shift)), words(Shift, null=True)] = sent(
        "Where an excluded occurrence moves to: the nearest open day after or before it. Null: it is skipped."
    )
    starts_at: Instant = sent("Nothing fires before.")
    ends_at: Instant = sent("Nothing fires after.")
    max_runs: Count | None = sent("It is over after so many.")
    overlap: Annotated[str, PlainValidator(_policy(Overlap.ALLOW)), words(Overlap, null=True)] = sent(
        "What becomes of an occurrence while another run of the schedule has not ended; null is allow."
    )
    catch_up: Annotated[str, PlainValidator(_policy(CatchUp.LATEST)), words(CatchUp, null=True)] = sent(
        "What becomes of occurrences that are late after an outage; null is latest."
    )
    catch_up_window_seconds: Window | None = sent("How late is not too late; null is 300, or 86400 with all.")
    input: Object = sent("What jobs find as {{ schedule.input }}.")
    action_id: Id = sent("What is done.", example=1)


class ScheduleFilters(Wire):
    """What a list can be narrowed by."""

    action_id: Id = sent("Of this action only.")
    schedule_type: Annotated[
        str, PlainValidator(lambda value: read_type(value).value), words(ScheduleType, TYPE_CODES)
    ] = sent("Of this type only.")
    schedule_status: Annotated[
        str, PlainValidator(lambda value: read_status(value).value), words(ScheduleStatus, STATUS_CODES)
    ] = sent("Of this status only.")
    q: SearchText = sent("A part of the name, however it is capitalised.")


class LastRunJson(TypedDict):
    """The last run of a schedule."""

    at: Annotated[datetime, told("When it was due.")]
    status: Annotated[TriggerStatus | None, told("Where it stands.")]


class ScheduleJson(TypedDict):
    """When an action fires."""

    id: int
    name: str
    description: str | None
    schedule_type: ScheduleType
    schedule_value: str
    schedule_unit: ScheduleUnit | None
    schedule_status: Annotated[ScheduleStatus, told("pending, processing, processed, or inactive: paused.")]
    status_note: Annotated[str | None, told("Why Cronny itself switched it off.")]
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
    input: Mapping[str, Any]
    action_id: int
    version: Annotated[int, told("How often its definition was edited.")]
    runs: Annotated[int, told("Occurrences, counted while max_runs is set.")]
    next_run_at: Annotated[datetime | None, told("When it fires next.")]
    last_run: Annotated[LastRunJson | None, told("Its last run.")]
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
        "input": schedule.input,
        "action_id": schedule.action_id,
        "version": schedule.version,
        "runs": schedule.runs,
        "next_run_at": schedule.next_run_at,
        "last_run": _last_run(schedule),
        "created_at": schedule.created_at,
        "updated_at": schedule.updated_at,
    }


def _last_run(schedule: Schedule) -> LastRunJson | None:
    if schedule.last_run_at is None:
        return None
    return {"at": schedule.last_run_at, "status": TriggerStatus(schedule.last_status) if schedule.last_status else None}


def _text(schedule: Schedule) -> str | None:
    try:
        return describe(schedule.timing)
    except ValueError:  # stored by a version that read it otherwise; its status_note says more
        return None
