"""What a timing will do: its next due times with remarks, how dense they are, what an edit would change. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from shared import timetable
from shared.cron import next_change, zone
from shared.schedule import ScheduleType, Timing

_DAY = timedelta(days=1)
DIFF_SPAN = timedelta(days=90)
# A diff looks at no more than so many instants, and shows the first few of those that differ.
MAX_COMPARED = 10_000
SHOWN = 20
# From here on a preview warns: more often than every ten seconds.
MANY_A_DAY = 8640
EARLIEST = "At the earliest: it is counted from the end of the run before."


@dataclass(frozen=True, slots=True)
class DueTime:
    """A due time, the same on the clock of the schedule's zone, and what is remarkable about it."""

    due_at: datetime
    local: datetime
    remark: str | None


@dataclass(frozen=True, slots=True)
class Busiest:
    """The whole minute or hour (UTC) that begins ``at``, and how many due times it has."""

    at: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Density:
    """How often due times come, on average and where they crowd."""

    per_hour: float
    per_day: float
    busiest_minute: Busiest
    busiest_hour: Busiest
    warning: str | None


@dataclass(frozen=True, slots=True)
class Diff:
    """Due times of one timing that another has not, up to ``until``, which is the whole span if ``complete``."""

    added: Sequence[datetime]
    removed: Sequence[datetime]
    until: datetime
    complete: bool


def due_times(timing: Timing, since: datetime) -> Iterator[datetime]:
    """The due times of a schedule that is active since then; a relative one's as if its runs took no time."""
    if timing.schedule_type is ScheduleType.RECURRING:
        yield from timetable.runs(timing, since)
        return
    due = timetable.next_run(timing, timetable.first_due(timing, since))
    while due is not None:
        yield due
        due = timetable.relative_due(timing, due) if timing.schedule_type is ScheduleType.RELATIVE else None


def due_from(timing: Timing, due: datetime) -> Iterator[datetime]:
    """The same from a due time on, which is one of them."""
    yield due
    if timing.schedule_type is not ScheduleType.ABSOLUTE:
        yield from due_times(timing, due)


def remarked(timing: Timing, times: Iterable[datetime], since: datetime) -> list[DueTime]:
    """The due times on the zone's clock, with what the clock's changes do to them."""
    place = zone(timing.timezone)
    before, found, near, holds = since.astimezone(place), [], False, since
    for due in times:
        if due >= holds:
            near, holds = _near_change(place, due)
        local = due.astimezone(place)
        found.append(DueTime(due, local, _remark(timing, before, local, near)))
        before = local
    return found


def density(times: Sequence[datetime]) -> Density | None:
    """How dense due times are; None for fewer than two."""
    if len(times) < 2:
        return None
    hours = (times[-1] - times[0]) / timedelta(hours=1)
    per_hour = (len(times) - 1) / hours
    minute = _busiest(time.replace(second=0, microsecond=0) for time in times)
    hour = _busiest(time.replace(minute=0, second=0, microsecond=0) for time in times)
    warning = None
    if per_hour * 24 > MANY_A_DAY:
        warning = f"This fires about {round(per_hour * 24):,} times a day: is that what you mean?"
    return Density(round(per_hour, 2), round(per_hour * 24, 2), minute, hour, warning)


def diff(old: Iterable[datetime], new: Iterable[datetime], since: datetime) -> Diff:
    """What ``new`` adds and removes within 90 days. Both are read side by side, so that the dense one alone costs."""
    added: list[datetime] = []
    removed: list[datetime] = []
    was, will, until = iter(old), iter(new), since + DIFF_SPAN
    left, right, first = next(was, until), next(will, until), since
    for _ in range(MAX_COMPARED):
        first = min(left, right)
        if first >= until:
            return Diff(added, removed, until, complete=True)
        if left == right:
            left, right = next(was, until), next(will, until)
        elif left == first:
            removed.append(first)
            left = next(was, until)
        else:
            added.append(first)
            right = next(will, until)
    return Diff(added, removed, first, complete=False)


def _busiest(starts: Iterable[datetime]) -> Busiest:
    # The first of equals: Counter keeps the order in which it met them.
    return Busiest(*Counter(starts).most_common(1)[0])


def _near_change(place: ZoneInfo, due: datetime) -> tuple[bool, datetime]:
    """Whether the clock is set within a day of an instant, and until when that is so."""
    change = next_change(place, due - _DAY, due + 2 * _DAY)
    if change is None:
        return False, due + _DAY
    return (True, change.at + _DAY) if due >= change.at - _DAY else (False, change.at - _DAY)


def _remark(timing: Timing, before: datetime, local: datetime, near_change: bool) -> str | None:
    parts = [EARLIEST] if timing.schedule_type is ScheduleType.RELATIVE else []
    if near_change:
        parts += _of_change(local)
    if before.utcoffset() != local.utcoffset():
        parts.append(f"The offset from UTC changes from {before.isoformat()[-6:]} to {local.isoformat()[-6:]}.")
    return " ".join(parts) or None


def _of_change(local: datetime) -> Iterator[str]:
    if local.replace(fold=1 - local.fold).utcoffset() != local.utcoffset():
        which = "second" if local.fold else "first"
        yield f"{local:%H:%M} comes twice on this day; this is the {which} time."
    second_before = (local.astimezone(UTC) - timedelta(seconds=1)).astimezone(local.tzinfo)
    if _offset(second_before) < _offset(local):
        left = second_before.replace(tzinfo=None) + timedelta(seconds=1)
        yield f"The clock goes forward at this instant, from {left:%H:%M} to {local:%H:%M}."


def _offset(local: datetime) -> timedelta:
    return local.utcoffset() or timedelta()
