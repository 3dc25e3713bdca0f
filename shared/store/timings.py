"""A schedule's timing, read from its row."""

from typing import Any

from shared.calendars import Calendar, Shift
from shared.schedule import DstFold, DstGap, ScheduleType, ScheduleUnit, Timing
from shared.store.tables import schedules

COLUMNS = (
    schedules.c.schedule_type,
    schedules.c.schedule_value,
    schedules.c.schedule_unit,
    schedules.c.timezone,
    schedules.c.anchor,
    schedules.c.starts_at,
    schedules.c.ends_at,
    schedules.c.dst_gap,
    schedules.c.dst_fold,
    schedules.c.jitter_seconds,
    schedules.c.shift,
)


def timing(row: Any, calendars: tuple[Calendar, ...] = ()) -> Timing:
    """The timing of a row that has ``COLUMNS`` and the schedule's id as ``schedule_id`` or ``id``.

    ``calendars`` are the schedule's (``shared.store.calendars.of_schedules``).
    """
    return Timing(
        ScheduleType(row.schedule_type),
        row.schedule_value,
        ScheduleUnit(row.schedule_unit) if row.schedule_unit else None,
        row.timezone,
        row.anchor,
        row.starts_at,
        row.ends_at,
        DstGap(row.dst_gap) if row.dst_gap else None,
        DstFold(row.dst_fold) if row.dst_fold else None,
        row.jitter_seconds,
        getattr(row, "schedule_id", None) or row.id,
        calendars,
        Shift(row.shift) if row.shift else None,
    )
