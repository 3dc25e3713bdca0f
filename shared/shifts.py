"""Occurrences that calendars move to another day. Pure.

What is due is a set: every occurrence of the timetable (an excluded one is due, too, and is then written down as
skipped) and every instant to which an excluded one moves. Nothing needs to be remembered to find the next of them.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import chain, islice
from zoneinfo import ZoneInfo

from shared.calendars import MAX_SHIFT_DAYS, Shift, excluded, opens, shifted, touched
from shared.schedule import Timing

# A day on the clock of the schedule's zone differs from 24 hours by a clock change.
_SLACK = timedelta(hours=3)
_TICK = timedelta(seconds=1)
_DAY = timedelta(days=1)
# Sources looked at for each day: a timetable that fires more often within an exclusion moves no more than these.
_SOURCES = 200
# Where the next occurrence is further away than this, and no more of them lie within the farthest move, each of them is
# looked at: it costs less than looking at each day.
_WIDE, _FEW = 4 * _DAY, 10
# So many within the farthest move are too many to have all of them in mind at once.
_MANY = 500
_FARTHEST = MAX_SHIFT_DAYS * _DAY + _SLACK

# What comes after an instant: the next occurrence, and all of them.
Following = Callable[[datetime], datetime | None]
Occurrences = Callable[[datetime], Iterator[datetime]]


def next_moved(timing: Timing, following: Following, after: datetime) -> datetime | None:
    """The first instant after ``after``, and before the next occurrence, to which an occurrence moves."""
    shift, regular = timing.shift, following(after)
    if shift is None or (regular is None and shift is Shift.PREVIOUS):
        return None
    until = regular or after + _FARTHEST
    open_from = opens(timing.calendars, after)
    if open_from is None or open_from >= until:
        return None
    sparse = _sparse(timing, following, after, until) if until - after > _WIDE else None
    if sparse is None:
        return _by_distance(timing, following, (after, until))
    moved = (_moved(timing, source) for source in sparse)
    return min((at for at in moved if at is not None and after < at < until), default=None)


def quiet(timing: Timing, after: datetime, until: datetime) -> bool:
    """Whether nothing moves to between the two: what moves comes over an excluded day, and the one before is open."""
    moved_by = _DAY if timing.shift is Shift.NEXT else -_DAY
    slack = _SLACK if _clock_changes(timing.timezone, (after, until), moved_by) else _TICK
    return not touched(timing.calendars, after - moved_by - slack, until - moved_by + slack)


def merged(timing: Timing, occurrences: Occurrences, after: datetime) -> Iterator[datetime] | None:
    """Every due time after ``after``: the occurrences, and where excluded ones move to. None when they are too many."""
    start = after - _FARTHEST if timing.shift is Shift.NEXT else after
    first = list(islice(occurrences(start), _MANY))
    if len(first) == _MANY and first[-1] < start + _FARTHEST:
        return None
    return _merged(timing, occurrences(start), after)


def _merged(timing: Timing, occurrences: Iterator[datetime], after: datetime) -> Iterator[datetime]:
    waiting: list[datetime] = []
    # Nothing moves further back than this, so whatever is earlier has its place in the order.
    back = _FARTHEST if timing.shift is Shift.PREVIOUS else timedelta()
    for occurrence in chain(occurrences, [None]):
        for due in (occurrence, _moved(timing, occurrence)):
            if due is not None and due > after:
                heappush(waiting, due)
        while waiting and (occurrence is None or waiting[0] <= occurrence - back):
            due = heappop(waiting)
            if due > after:
                yield due
                after = due


def _moved(timing: Timing, occurrence: datetime | None) -> datetime | None:
    if occurrence is None or excluded(timing.calendars, occurrence) is None:
        return None
    return target(timing, occurrence)


def _sparse(timing: Timing, following: Following, after: datetime, until: datetime) -> list[datetime] | None:
    """Every occurrence that may move to between the two; None when they are many."""
    start, end = (after - _FARTHEST, until) if timing.shift is Shift.NEXT else (after, until + _FARTHEST)
    found = list(islice(_sources(following, start, end), _FEW + 1))
    return found if len(found) <= _FEW else None


def _by_distance(timing: Timing, following: Following, span: tuple[datetime, datetime]) -> datetime | None:
    """The same, by looking at what moves by a day, then by two, and so on."""
    (after, until), found = span, None
    for days in range(1, MAX_SHIFT_DAYS + 1):
        moved_by = days * (_DAY if timing.shift is Shift.NEXT else -_DAY)
        # What moves by so many days passes the excluded days in between: past an open one there is nothing to find.
        if not touched(timing.calendars, after - moved_by - _SLACK, until - moved_by + _SLACK):
            break
        slack = _SLACK if _clock_changes(timing.timezone, span, moved_by) else _TICK
        start, end = after - moved_by - slack, until - moved_by + slack
        found = _earliest(timing, following, days, (start, end), (after, found or until)) or found
    return found


def target(timing: Timing, occurrence: datetime) -> datetime | None:
    """Where an excluded occurrence moves to; None when it does not, or to beyond the start or end of the schedule."""
    if timing.shift is None:
        return None
    moved = shifted(timing.calendars, occurrence, timing.timezone, timing.shift)
    if moved is None or (timing.ends_at and moved > timing.ends_at) or (timing.starts_at and moved < timing.starts_at):
        return None
    return moved


def _clock_changes(timezone: str, span: tuple[datetime, datetime], moved_by: timedelta) -> bool:
    """Whether the clock may differ between an end of the span and the same time so many days before."""
    zone = ZoneInfo(timezone)
    for end in span:
        near = (end + side - days for side in (_SLACK, -_SLACK) for days in (timedelta(), moved_by))
        if len({instant.astimezone(zone).utcoffset() for instant in near}) > 1:
            return True
    return False


def _earliest(
    timing: Timing,
    following: Following,
    days: int,
    sources: tuple[datetime, datetime],
    targets: tuple[datetime, datetime],
) -> datetime | None:
    """The first instant strictly between ``targets`` to which an occurrence between ``sources`` moves by so many days.

    Those that move as far keep their order, so the first is the earliest. One that moves further is not looked at: it
    may come later than one behind it, because jitter gives each of them its own time of day.
    """
    zone = ZoneInfo(timing.timezone)
    for source in islice(_sources(following, *sources), _SOURCES):
        moved = _moved(timing, source)
        if moved is None or not targets[0] < moved < targets[1]:
            continue
        if abs((moved.astimezone(zone).date() - source.astimezone(zone).date()).days) == days:
            return moved
    return None


def _sources(following: Following, after: datetime, until: datetime) -> Iterator[datetime]:
    """The occurrences between the two, the latter included."""
    source = following(after)
    while source is not None and source <= until:
        yield source
        source = following(source)
