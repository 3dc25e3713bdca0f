"""From wall-clock times to instants. Pure: time is an argument, nothing is read.

A zone's time is cut at its clock changes. Between two changes a wall-clock time is one instant, in the same order, so
only the seams need a rule: the times that a change leaves out (gap) and those that it repeats (fold).
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from itertools import islice
from zoneinfo import ZoneInfo

from shared.cron.found import Found
from shared.cron.pattern import Pattern
from shared.cron.reading import BadCron, read, spreads
from shared.cron.zones import Change, next_change, offset, zone
from shared.schedule import DstFold, DstGap

# Of a wall clock.
_EARLIEST, _LATEST = datetime(1, 1, 1), datetime(9999, 12, 31)  # noqa: DTZ001
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The largest change that a clock has made is a whole day (Pacific/Apia, 2011).
_NEAR = timedelta(days=2)
# How far ahead a segment is looked at: far enough to be rarely cut, near enough to be cheap.
_AHEAD = timedelta(days=16)


def check(
    expression: str,
    timezone: str,
    after: datetime,
    gap: DstGap | None = None,
    fold: DstFold | None = None,
    seed: int = 0,
) -> None:
    """Raise ``BadCron`` unless the expression can be read and fires at some time after ``after``."""
    if next_fire(expression, timezone, after, gap, fold, seed) is None:
        raise BadCron(f"{expression!r} never fires: no date matches its day and month")


def next_fire(
    expression: str,
    timezone: str,
    after: datetime,
    gap: DstGap | None = None,
    fold: DstFold | None = None,
    seed: int = 0,
) -> datetime | None:
    """The first instant strictly after ``after`` (aware) at which the expression fires; None when there is none.

    Whoever asks the same, or about another instant before the same due time, is answered from memory. Raises
    ``BadCron`` and, for an unknown zone, ``ValueError``.
    """
    return _found(expression, timezone, gap, fold, seed if spreads(expression) else 0).after(after)


@lru_cache(maxsize=4096)
def _found(expression: str, timezone: str, gap: DstGap | None, fold: DstFold | None, seed: int) -> Found:
    return Found(partial(_times, expression, timezone, gap, fold, seed))


def upcoming(
    expression: str,
    timezone: str,
    after: datetime,
    gap: DstGap | None = None,
    fold: DstFold | None = None,
    seed: int = 0,
    count: int | None = None,
) -> Iterator[datetime]:
    """The instants (UTC) at which the expression fires strictly after ``after``, in order; the next ``count`` or all.

    ``gap`` and ``fold`` None: as Debian's cron. A fixed time fires once, right after the gap or first in the fold;
    with a wildcard minute or hour the real-time cadence goes on. Raises ``BadCron`` and ``ValueError`` at once.
    """
    return islice(_times(expression, timezone, gap, fold, seed, after), count)


def _times(
    expression: str, timezone: str, gap: DstGap | None, fold: DstFold | None, seed: int, after: datetime
) -> Iterator[datetime]:
    pattern, place = read(expression, seed), zone(timezone)
    if pattern.every is not None:
        return _rate(pattern.every, after)
    runs_after = gap is DstGap.RUN_AFTER or (gap is None and not pattern.cadence)
    fold = fold or (DstFold.BOTH if pattern.cadence else DstFold.FIRST)
    return _Seams(pattern, place, runs_after, fold).instants(after)


def _rate(every: timedelta, after: datetime) -> Iterator[datetime]:
    """Multiples of a duration since 1970, so that every process and every edit finds the same ones."""
    due = _EPOCH + ((after - _EPOCH) // every + 1) * every
    try:
        while True:
            yield due
            due += every
    except OverflowError:
        return


class _Seams:
    """A pattern in a zone, with its rules for the seams."""

    def __init__(self, pattern: Pattern, place: ZoneInfo, runs_after: bool, fold: DstFold) -> None:
        self.pattern, self.place, self.runs_after, self.fold = pattern, place, runs_after, fold

    def instants(self, after: datetime) -> Iterator[datetime]:
        """Instants strictly after ``after``."""
        try:
            for instant in self._instants(after.astimezone(UTC).replace(microsecond=0)):
                if instant > after:
                    yield instant
        except OverflowError:
            return

    def _instants(self, start: datetime) -> Iterator[datetime]:
        ahead, seam = _AHEAD, next_change(self.place, start - _NEAR, start)
        shift = offset(self.place, start)
        walls = self.pattern.walls(_local(start, shift))
        wall = next(walls, None)
        while wall is not None:
            coming = next_change(self.place, start, start + ahead)
            end = coming.at if coming else start + ahead
            until, (first, beyond) = _local(end, shift), self._counted(seam, coming)
            while wall is not None and wall < until:
                if first <= wall < beyond:
                    yield (wall - shift).replace(tzinfo=UTC)
                wall = next(walls, None)
            if wall is not None and coming is not None:
                if self._catches_up(wall, coming):
                    yield coming.at
                start, ahead, seam, shift = end, _AHEAD, coming, coming.after
                walls = self.pattern.walls(_local(start, shift))
                wall = next(walls, None)
            elif wall is not None:
                # Nothing is due for long: go on shortly before the next time, under the offset that holds there.
                near = (wall - shift).replace(tzinfo=UTC) - _NEAR
                start, ahead, seam = (near, 2 * _NEAR, None) if near > end else (end, _AHEAD, seam)
                shift = offset(self.place, start)

    def _counted(self, seam: Change | None, coming: Change | None) -> tuple[datetime, datetime]:
        """From and to which wall-clock time those count that lie between two changes of the clock."""
        first, beyond = _EARLIEST, _LATEST
        if seam is not None and self.fold is DstFold.FIRST:
            first = _local(seam.at, seam.before)
        if coming is not None and self.fold is DstFold.LAST:
            beyond = _local(coming.at, coming.after)
        return first, beyond

    def _catches_up(self, wall: datetime, change: Change) -> bool:
        """Whether the first time from a change on falls into its gap, and runs right after it.

        A time at the very end of the gap is left to the next segment, which begins with it.
        """
        if not self.runs_after or not wall < _local(change.at, change.after):
            return False
        resumed = next(self.pattern.walls(_local(change.at, change.after)), None)
        return resumed != _local(change.at, change.after)


def _local(instant: datetime, shift: timedelta) -> datetime:
    return instant.replace(tzinfo=None) + shift
