"""From a schedule's timing to due times. Pure: time is an argument, nothing is read.

Due times are whole seconds: the creator ticks on whole seconds, so nothing could start in between anyway.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shared import cron
from shared.errors import Fault
from shared.schedule import DstFold, DstGap, ScheduleType, ScheduleUnit, Timing

# An instant that lies this little in the past still fires (at once): clocks and requests take their time.
ABSOLUTE_GRACE = timedelta(seconds=60)
MAX_INTERVAL_SECONDS = 10 * 366 * 86400


def first_due(timing: Timing, since: datetime) -> datetime | None:
    """The first occurrence of a schedule that is active since ``since``; None when nothing follows.

    Raises ``ValueError`` for a timing that cannot be read (see ``check``).
    """
    if timing.schedule_type is ScheduleType.ABSOLUTE:
        instant = _instant(timing.schedule_value)
        return _until_end(timing, instant if instant > since - ABSOLUTE_GRACE else None)
    if timing.schedule_type is ScheduleType.RELATIVE:
        return relative_due(timing, since)
    return next_due(timing, since)


def next_due(timing: Timing, after: datetime) -> datetime | None:
    """The next occurrence of a recurring schedule strictly after ``after``; None for the other types.

    It is counted from the planned time and never from the time of a run, so a timetable does not drift.
    """
    if timing.schedule_type is not ScheduleType.RECURRING:
        return None
    if timing.starts_at is not None:
        after = max(after, timing.starts_at - timedelta(microseconds=1))
    try:
        if timing.schedule_unit is ScheduleUnit.CRON:
            return _until_end(timing, cron.next_fire(*_expression(timing, after)))
        return _until_end(timing, _next_of_rate(timing, after))
    except OverflowError:
        return None


def relative_due(timing: Timing, ended: datetime) -> datetime | None:
    """When a relative schedule is due after a run (or its activation) that ended at ``ended``; None past its end."""
    try:
        due = _whole_second_from(ended + timedelta(seconds=_interval_seconds(timing)))
    except OverflowError:
        return None
    return _until_end(timing, max(due, timing.starts_at) if timing.starts_at else due)


def upcoming(timing: Timing, after: datetime) -> Iterator[datetime]:
    """Every occurrence of a recurring schedule after ``after``, in order."""
    due = next_due(timing, after)
    while due is not None:
        yield due
        due = next_due(timing, due)


def check(timing: Timing, now: datetime) -> list[Fault]:
    """Everything wrong with a timing that a user sent at ``now``; empty when it can be stored."""
    faults = []
    if timing.starts_at and timing.ends_at and timing.ends_at <= timing.starts_at:
        faults.append(Fault("ends_at", "must be later than starts_at"))
    try:
        cron.zone(timing.timezone)
    except ValueError as error:
        faults.append(Fault("timezone", str(error)))
        timing = replace(timing, timezone="UTC")  # so that a bad value is reported, too
    return faults + _value_faults(timing, now)


def _value_faults(timing: Timing, now: datetime) -> list[Fault]:
    try:
        if timing.schedule_type is ScheduleType.ABSOLUTE:
            return _absolute_faults(timing, now)
        if timing.schedule_unit is None:
            return [Fault("schedule_unit", f"is needed: one of {', '.join(ScheduleUnit)}")]
        if timing.schedule_unit is not ScheduleUnit.CRON:
            _interval_seconds(timing)
        elif timing.schedule_type is ScheduleType.RELATIVE:
            return [Fault("schedule_unit", "cron goes with recurring; a relative schedule waits a number of units")]
        else:
            cron.check(*_expression(timing, now))
    except ValueError as error:
        return [Fault("schedule_value", str(error))]
    return []


def _absolute_faults(timing: Timing, now: datetime) -> list[Fault]:
    instant = _instant(timing.schedule_value)
    if instant <= now - ABSOLUTE_GRACE:
        return [Fault("schedule_value", f"lies in the past ({timing.schedule_value}); it is {now:%Y-%m-%dT%H:%M:%SZ}")]
    if timing.ends_at and instant > timing.ends_at:
        return [Fault("schedule_value", "lies after ends_at, so it would never fire")]
    return []


def _expression(timing: Timing, after: datetime) -> tuple[str, str, datetime, DstGap | None, DstFold | None, int]:
    """What ``shared.cron`` is asked about a timing."""
    return timing.schedule_value, timing.timezone, after, timing.dst_gap, timing.dst_fold, timing.seed


def _instant(value: str) -> datetime:
    try:
        instant = datetime.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"{value!r} is no instant; write RFC 3339, for example 2030-01-31T09:00:00Z") from error
    if instant.tzinfo is None:
        raise ValueError(f"{value!r} has no zone; end it with Z or an offset such as +02:00")
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{value!r} lies outside the calendar") from error


def _interval_seconds(timing: Timing) -> int:
    value, unit = timing.schedule_value, timing.schedule_unit
    if unit is None or unit.seconds is None or not (value.isascii() and value.isdecimal()) or int(value[:12]) < 1:
        raise ValueError(f"{value!r} is no interval; write a whole number from 1 of {unit or 'a unit'}s")
    if int(value) * unit.seconds > MAX_INTERVAL_SECONDS:
        raise ValueError("an interval may last 10 years at most")
    return int(value) * unit.seconds


def _next_of_rate(timing: Timing, after: datetime) -> datetime:
    """The first ``anchor + k * interval`` after ``after``; k starts at 0 only where the user chose the anchor."""
    interval = timedelta(seconds=_interval_seconds(timing))
    steps = (after - timing.anchor) // interval + 1
    return timing.anchor + max(steps, 0 if timing.starts_at is not None else 1) * interval


def _whole_second_from(instant: datetime) -> datetime:
    return instant if not instant.microsecond else instant.replace(microsecond=0) + timedelta(seconds=1)


def _until_end(timing: Timing, due: datetime | None) -> datetime | None:
    return None if due is None or (timing.ends_at is not None and due > timing.ends_at) else due
