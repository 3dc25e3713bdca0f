"""A timing in words."""

from typing import assert_never

from shared.schedule import ScheduleType, ScheduleUnit, Timing


def describe(timing: Timing) -> str:
    """What the timing says, for people."""
    value, unit = timing.schedule_value, timing.schedule_unit
    match timing.schedule_type:
        case ScheduleType.ABSOLUTE:
            return f"Once, at {value}"
        case ScheduleType.RELATIVE:
            return f"{value} {unit}s after the end of the run before"
        case ScheduleType.RECURRING:
            if unit is ScheduleUnit.CRON:
                return f"cron {value} in {timing.timezone}"
            return f"Every {value} {unit}s"
        case _:
            assert_never(timing.schedule_type)
