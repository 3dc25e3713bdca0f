"""What clients write of schedules, and narrow lists of them by."""

import re
from collections.abc import Callable
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, StringConstraints, WithJsonSchema

from chalicelib.wire.described import sent, words
from chalicelib.wire.drafts import Wire
from chalicelib.wire.fields import (
    Count,
    Id,
    Instant,
    LongText,
    Name,
    Object,
    ShortText,
    no_bool,
    one_of,
)
from chalicelib.wire.filters import NameFilters
from shared.calendars import Shift
from shared.manage.schedules import Wish
from shared.schedule import (
    DEFAULT_PRIORITY,
    CatchUp,
    DstFold,
    DstGap,
    Overlap,
    ScheduleStatus,
    ScheduleType,
    ScheduleUnit,
)

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
Priority = Annotated[int, BeforeValidator(no_bool), Field(ge=0, le=9)]
MAX_TAG = 50
Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TAG)]
Tags = Annotated[list[Tag], Field(max_length=20)]


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
    priority: Annotated[Priority | None, AfterValidator(lambda given: DEFAULT_PRIORITY if given is None else given)] = (
        sent("Among your own runs that wait for your share, the highest go first; null is 5.")
    )
    tags: Annotated[Tags | None, AfterValidator(lambda tags: tags or [])] = sent(
        "Words of yours to find it by.", example=["nightly"]
    )
    input: Object = sent("What jobs find as {{ schedule.input }}.")
    action_id: Id = sent("What is done.", example=1)


class ScheduleFilters(NameFilters):
    """What a list can be narrowed by."""

    action_id: Id = sent("Of this action only.")
    schedule_type: Annotated[
        str, PlainValidator(lambda value: read_type(value).value), words(ScheduleType, TYPE_CODES)
    ] = sent("Of this type only.")
    schedule_status: Annotated[
        str, PlainValidator(lambda value: read_status(value).value), words(ScheduleStatus, STATUS_CODES)
    ] = sent("Of this status only.")
    tag: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TAG)] = sent(
        "With this tag only."
    )
