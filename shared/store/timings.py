"""A schedule's timing, read from its row."""

from typing import Any

from shared.schedule import ScheduleType, ScheduleUnit, Timing
from shared.store.tables import schedules

COLUMNS = (
    schedules.c.schedule_type,
    schedules.c.schedule_value,
    schedules.c.schedule_unit,
    schedules.c.timezone,
    schedules.c.anchor,
    schedules.c.starts_at,
    schedules.c.ends_at,
)


def timing(row: Any) -> Timing:
    """The timing of a row that has ``COLUMNS``."""
    return Timing(
        ScheduleType(row.schedule_type),
        row.schedule_value,
        ScheduleUnit(row.schedule_unit) if row.schedule_unit else None,
        row.timezone,
        row.anchor,
        row.starts_at,
        row.ends_at,
    )
