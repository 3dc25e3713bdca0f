"""What is wrong with a timing that a user sent. Pure: time is an argument, nothing is read."""

from dataclasses import replace
from datetime import datetime

from shared import cron
from shared.errors import Fault
from shared.intervals import interval_seconds
from shared.occurrences import expression
from shared.schedule import ScheduleType, ScheduleUnit, Timing
from shared.timetable import ABSOLUTE_GRACE, instant_of


def check(timing: Timing, now: datetime) -> list[Fault]:
    """Everything wrong with a timing that a user sent at ``now``; empty when it can be stored."""
    faults = []
    if timing.starts_at and timing.ends_at and timing.ends_at <= timing.starts_at:
        faults.append(Fault("ends_at", "must be later than starts_at"))
    if unknown := check_zone(timing.timezone):
        faults += unknown
        timing = replace(timing, timezone="UTC")  # so that a bad value is reported, too
    if timing.shift and timing.schedule_type is ScheduleType.RELATIVE:
        faults.append(Fault("shift", "goes with recurring and absolute; a relative schedule waits until a day is open"))
    return faults + _value_faults(timing, now)


def check_zone(name: str) -> list[Fault]:
    """What is wrong with a time zone alone."""
    try:
        cron.zone(name)
    except ValueError as error:
        return [Fault("timezone", str(error))]
    return []


def _value_faults(timing: Timing, now: datetime) -> list[Fault]:
    try:
        if timing.schedule_type is ScheduleType.ABSOLUTE:
            return _absolute_faults(timing, now)
        if timing.schedule_unit is None:
            return [Fault("schedule_unit", f"is needed: one of {', '.join(ScheduleUnit)}")]
        if timing.schedule_unit is not ScheduleUnit.CRON:
            return _interval_faults(timing)
        if timing.schedule_type is ScheduleType.RELATIVE:
            return [Fault("schedule_unit", "cron goes with recurring; a relative schedule waits a number of units")]
        cron.check(*expression(timing, now))
    except ValueError as error:
        return [Fault("schedule_value", str(error))]
    return []


def _interval_faults(timing: Timing) -> list[Fault]:
    interval = interval_seconds(timing.schedule_value, timing.schedule_unit)
    if timing.schedule_type is ScheduleType.RECURRING and timing.jitter_seconds >= interval:
        return [Fault("jitter_seconds", f"must be shorter than the interval, which is {interval} seconds")]
    return []


def _absolute_faults(timing: Timing, now: datetime) -> list[Fault]:
    instant = instant_of(timing.schedule_value)
    if instant <= now - ABSOLUTE_GRACE:
        return [Fault("schedule_value", f"lies in the past ({timing.schedule_value}); it is {now:%Y-%m-%dT%H:%M:%SZ}")]
    if timing.ends_at and instant > timing.ends_at:
        return [Fault("schedule_value", "lies after ends_at, so it would never fire")]
    return []
