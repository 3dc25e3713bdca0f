"""From a schedule's timing to due times. Pure: time is an argument, nothing is read.

Due times are whole seconds: the creator ticks on whole seconds, so nothing could start in between anyway.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial

from shared import calendars, cron, shifts
from shared.intervals import interval_seconds
from shared.jitter import jittered
from shared.occurrences import (
    following_occurrence,
    in_time,
    next_occurrence,
    occurrences,
    until_end,
)
from shared.schedule import ScheduleType, ScheduleUnit, Timing

# An instant that lies this little in the past still fires (at once): clocks and requests take their time.
ABSOLUTE_GRACE = timedelta(seconds=60)
_TICK = timedelta(microseconds=1)
# Of a timetable that moves: so much of it is looked at as a whole where nothing moves to.
_STRETCH = timedelta(hours=6)
# How many exclusions a look ahead passes before it gives up.
_EXCLUSIONS_AHEAD = 60


def first_due(timing: Timing, since: datetime) -> datetime | None:
    """The first occurrence of a schedule that is active since ``since``; None when nothing follows.

    Raises ``ValueError`` for a timing that cannot be read (see ``shared.timing_faults``).
    """
    if timing.schedule_type is ScheduleType.ABSOLUTE:
        return _single(timing, since)
    if timing.schedule_type is ScheduleType.RELATIVE:
        return relative_due(timing, since)
    return next_due(timing, since)


def next_due(timing: Timing, after: datetime) -> datetime | None:
    """The next occurrence of a recurring schedule strictly after ``after``; None for the other types.

    It is counted from planned times and never from the time of a run, so a timetable does not drift. What a calendar
    excludes is due as well: see ``excluded``.
    """
    if timing.schedule_type is not ScheduleType.RECURRING:
        return None
    if timing.shift and timing.calendars:
        return _shifted(_anybodys(timing), after)
    return next_occurrence(timing, after)


def following_due(timing: Timing, due: datetime) -> datetime | None:
    """``next_due`` after a due time of this schedule, which is cheaper to find than after any instant.

    Of a relative schedule: when the exclusion ends at that due time; None when there is none.
    """
    if timing.schedule_type is ScheduleType.RELATIVE:
        opens = calendars.opens(timing.calendars, due)
        return None if opens is None or opens <= due else until_end(timing, _whole_second_from(opens))
    if timing.schedule_type is ScheduleType.RECURRING and not timing.shift:
        return following_occurrence(timing, due)
    return next_due(timing, due)


def relative_due(timing: Timing, ended: datetime) -> datetime | None:
    """When a relative schedule is due after a run (or its activation) that ended at ``ended``; None past its end.

    What would be due while a calendar excludes it waits for the exclusion to end: the delay is a minimum.
    """
    seconds = interval_seconds(timing.schedule_value, timing.schedule_unit)
    try:
        due = _whole_second_from(ended + timedelta(seconds=seconds))
    except OverflowError:
        return None
    due = max(due, timing.starts_at) if timing.starts_at else due
    if until_end(timing, due) is None:
        return None
    due = _jittered(timing, due)
    return until_end(timing, calendars.opens(timing.calendars, due))


def upcoming(timing: Timing, after: datetime) -> Iterator[datetime]:
    """Every occurrence of a recurring schedule after ``after``, in order, what calendars exclude among them."""
    if timing.schedule_type is not ScheduleType.RECURRING:
        return iter(())
    if not (timing.shift and timing.calendars):
        return occurrences(timing, after)
    merged = shifts.merged(timing, partial(occurrences, timing), after)
    return merged if merged is not None else _stepwise(timing, after)


def runs(timing: Timing, after: datetime) -> Iterator[datetime]:
    """Those of ``upcoming`` that no calendar excludes, until nothing is open for long."""
    if not timing.calendars:
        yield from upcoming(timing, after)
        return
    times, in_a_row = upcoming(timing, after), 0
    while (due := next(times, None)) is not None:
        if calendars.excluded(timing.calendars, due) is None:
            in_a_row = 0
            yield due
            continue
        in_a_row += 1
        if in_a_row % _EXCLUSIONS_AHEAD == 0:
            opens = calendars.opens(timing.calendars, due)
            if opens is None or in_a_row == _EXCLUSIONS_AHEAD**2:
                return
            times = upcoming(timing, opens - _TICK)


def _stepwise(timing: Timing, after: datetime) -> Iterator[datetime]:
    timing = _anybodys(timing)
    due: datetime | None = after
    while due is not None:
        until = due + _STRETCH
        if not shifts.quiet(timing, due, until):
            if (due := next_due(timing, due)) is not None:
                yield due
            continue
        for occurrence in occurrences(timing, due):
            if occurrence > until:
                break
            yield occurrence
        else:
            return
        due = until


def excluded(timing: Timing, due: datetime) -> str | None:
    """Why the occurrence at ``due`` does not run, in a sentence; None when no calendar excludes it."""
    name = calendars.excluded(timing.calendars, due)
    if name is None:
        return None
    moved = shifts.target(timing, due)
    return f"Excluded by the calendar {name}" + (f"; moved to {moved:%Y-%m-%dT%H:%M:%SZ}." if moved else ".")


def next_run(timing: Timing, due: datetime | None) -> datetime | None:
    """The first occurrence from the due time ``due`` on that no calendar excludes; None when none is near."""
    for _ in range(_EXCLUSIONS_AHEAD):
        if due is None or excluded(timing, due) is None:
            return due
        open_from = calendars.opens(timing.calendars, due)
        if timing.schedule_type is not ScheduleType.RECURRING:
            return following_due(timing, due)
        due = None if open_from is None else next_due(timing, open_from - _TICK)
    return None


def instant_of(value: str) -> datetime:
    """The instant that an absolute schedule's value says; raises ``ValueError``."""
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


def named_instant(timing: Timing) -> datetime | None:
    """The instant that an absolute schedule names, jittered, wherever a calendar moves it; None past its end."""
    instant = until_end(timing, instant_of(timing.schedule_value))
    return None if instant is None else _jittered(timing, instant)


def _single(timing: Timing, since: datetime) -> datetime | None:
    """When an absolute schedule fires: jittered, and moved to an open day where it shall and the day is not over."""
    due = named_instant(timing)
    if due is None:
        return None
    if timing.shift and calendars.excluded(timing.calendars, due) is not None:
        moved = shifts.target(timing, due)
        due = moved if moved is not None and moved > since - ABSOLUTE_GRACE else due
    return due if due > since - ABSOLUTE_GRACE else None


def _anybodys(timing: Timing) -> Timing:
    """The same without its seed, unless its times depend on which schedule it is."""
    spread = timing.schedule_unit is ScheduleUnit.CRON and cron.spreads(timing.schedule_value)
    return timing if spread or timing.jitter_seconds or not timing.seed else replace(timing, seed=0)


@lru_cache(maxsize=4096)
def _shifted(timing: Timing, after: datetime) -> datetime | None:
    """The next occurrence where calendars move some: kept, because many schedules share a timetable and calendars."""
    following = partial(next_occurrence, timing)
    moved = shifts.next_moved(timing, following, after)
    return moved if moved is not None else following(after)


def _jittered(timing: Timing, due: datetime) -> datetime:
    return in_time(timing, jittered(due, timing.jitter_seconds, timing.seed)) or due


def _whole_second_from(instant: datetime) -> datetime:
    return instant if not instant.microsecond else instant.replace(microsecond=0) + timedelta(seconds=1)


def previous_run(timing: Timing, before: datetime, floor: datetime) -> datetime | None:
    """The last occurrence of a recurring schedule in ``[floor, before)`` that is open, found by halving the span."""
    low, high = floor - _TICK, before
    if not _comes_before(timing, low, before):
        return None
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        low, high = (middle, high) if _comes_before(timing, middle, before) else (low, middle)
    return next_run(timing, next_due(timing, low))


def _comes_before(timing: Timing, after: datetime, before: datetime) -> bool:
    due = next_run(timing, next_due(timing, after))
    return due is not None and due < before
