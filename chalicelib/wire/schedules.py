"""Schedules over the wire."""

import re
from collections.abc import Callable
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, StringConstraints

from chalicelib.wire.drafts import ABSENT, Wire
from chalicelib.wire.fields import Count, Id, Instant, LongText, Name, Object, SearchText, ShortText, no_bool, one_of
from shared.calendars import Shift
from shared.manage.schedules import Wish
from shared.plain_text import describe
from shared.schedule import CatchUp, DstFold, DstGap, Overlap, Schedule, ScheduleStatus, ScheduleType

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

    name: Name = ABSENT
    description: LongText | None = ABSENT
    schedule_type: Annotated[str, PlainValidator(lambda value: read_type(value).value)] = ABSENT
    schedule_value: Annotated[
        str,
        BeforeValidator(_as_text),
        StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    ] = ABSENT
    schedule_unit: Annotated[ShortText | None, BeforeValidator(_unit)] = ABSENT
    schedule_status: Annotated[Wish, PlainValidator(_wish)] = ABSENT
    timezone: Annotated[ShortText | None, AfterValidator(lambda name: name or "UTC")] = ABSENT
    dst_gap: Annotated[str | None, PlainValidator(_word(DstGap))] = ABSENT
    dst_fold: Annotated[str | None, PlainValidator(_word(DstFold))] = ABSENT
    jitter_seconds: Annotated[Seconds | None, AfterValidator(lambda seconds: seconds or 0)] = ABSENT
    calendar_ids: Annotated[Ids | None, AfterValidator(lambda ids: ids or [])] = ABSENT
    shift: Annotated[str | None, PlainValidator(_word(Shift))] = ABSENT
    starts_at: Instant = ABSENT
    ends_at: Instant = ABSENT
    max_runs: Count | None = ABSENT
    overlap: Annotated[str, PlainValidator(_policy(Overlap.ALLOW))] = ABSENT
    catch_up: Annotated[str, PlainValidator(_policy(CatchUp.LATEST))] = ABSENT
    catch_up_window_seconds: Window | None = ABSENT
    input: Object = ABSENT
    action_id: Id = ABSENT


class ScheduleFilters(Wire):
    """What a list can be narrowed by."""

    action_id: Id = ABSENT
    schedule_type: Annotated[str, PlainValidator(lambda value: read_type(value).value)] = ABSENT
    schedule_status: Annotated[str, PlainValidator(lambda value: read_status(value).value)] = ABSENT
    q: SearchText = ABSENT


def to_json(schedule: Schedule) -> dict[str, Any]:
    """What a client reads."""
    last = {"at": schedule.last_run_at, "status": schedule.last_status} if schedule.last_run_at else None
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
        "last_run": last,
        "created_at": schedule.created_at,
        "updated_at": schedule.updated_at,
    }


def _text(schedule: Schedule) -> str | None:
    try:
        return describe(schedule.timing)
    except ValueError:  # stored by a version that read it otherwise; its status_note says more
        return None
