"""The occurrences of a recurring schedule, by its expression or interval and its jitter, before any calendar. Pure.

Each question has two answers: the next one after an instant, and all of them from there on, which costs less for many.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, pairwise

from shared import cron
from shared.intervals import interval_seconds
from shared.jitter import first_spread, spread
from shared.schedule import DstFold, DstGap, ScheduleUnit, Timing

_TICK = timedelta(microseconds=1)


def next_occurrence(timing: Timing, after: datetime) -> datetime | None:
    """The next occurrence strictly after ``after``; None when there is none."""
    if not timing.jitter_seconds:
        return next_planned(timing, after)
    return in_time(timing, first_spread(partial(next_planned, timing), after, timing.jitter_seconds, timing.seed))


def occurrences(timing: Timing, after: datetime) -> Iterator[datetime]:
    """Every occurrence strictly after ``after``, in order."""
    if not timing.jitter_seconds:
        yield from _planned(timing, after)
        return
    first = next_occurrence(timing, after)
    if first is None:
        return
    yield first
    for planned, following in pairwise(chain(_planned(timing, first), [None])):
        due = None if planned is None else spread(planned, following, timing.jitter_seconds, timing.seed)
        if (due := in_time(timing, due)) is not None:
            yield due


def following_occurrence(timing: Timing, due: datetime) -> datetime | None:
    """``next_occurrence`` after one of the occurrences, which is cheaper to find than after any instant."""
    planned = next_planned(timing, due)
    if planned is None or not timing.jitter_seconds:
        return planned
    return in_time(timing, spread(planned, next_planned(timing, planned), timing.jitter_seconds, timing.seed))


def next_planned(timing: Timing, after: datetime) -> datetime | None:
    """The next time strictly after ``after`` that the cron expression or the interval names, before any jitter."""
    after = _from_start(timing, after)
    try:
        if timing.schedule_unit is ScheduleUnit.CRON:
            return until_end(timing, cron.next_fire(*expression(timing, after)))
        return until_end(timing, _next_of_rate(timing, after))
    except OverflowError:
        return None


def expression(timing: Timing, after: datetime) -> tuple[str, str, datetime, DstGap | None, DstFold | None, int]:
    """What ``shared.cron`` is asked about a timing."""
    return timing.schedule_value, timing.timezone, after, timing.dst_gap, timing.dst_fold, timing.seed


def until_end(timing: Timing, due: datetime | None) -> datetime | None:
    """Nothing is due after the end of a schedule."""
    return None if due is None or (timing.ends_at is not None and due > timing.ends_at) else due


def in_time(timing: Timing, jittered: datetime | None) -> datetime | None:
    """Jitter never moves an occurrence past the end of its schedule."""
    if jittered is None or timing.ends_at is None:
        return jittered
    return min(jittered, timing.ends_at.replace(microsecond=0))


def _planned(timing: Timing, after: datetime) -> Iterator[datetime]:
    after = _from_start(timing, after)
    cron_times = timing.schedule_unit is ScheduleUnit.CRON
    times = cron.upcoming(*expression(timing, after)) if cron_times else _rate(timing, after)
    for due in times:
        if timing.ends_at is not None and due > timing.ends_at:
            return
        yield due


def _from_start(timing: Timing, after: datetime) -> datetime:
    return after if timing.starts_at is None else max(after, timing.starts_at - _TICK)


def _rate(timing: Timing, after: datetime) -> Iterator[datetime]:
    interval = timedelta(seconds=interval_seconds(timing.schedule_value, timing.schedule_unit))
    try:
        due = _next_of_rate(timing, after)
        while True:
            yield due
            due += interval
    except OverflowError:
        return


def _next_of_rate(timing: Timing, after: datetime) -> datetime:
    """The first ``anchor + k * interval`` after ``after``; k starts at 0 only where the user chose the anchor."""
    interval = timedelta(seconds=interval_seconds(timing.schedule_value, timing.schedule_unit))
    steps = (after - timing.anchor) // interval + 1
    return timing.anchor + max(steps, 0 if timing.starts_at is not None else 1) * interval
