"""Cron expressions: the only module that knows croniter.

croniter is asked on wall-clock time only (naive datetimes). What a wall-clock time means in a zone whose clock changes
is decided here, as Debian's cron does it: a fixed time that falls into the spring gap fires once, right after it, and a
fixed time that autumn repeats fires once, the first time; expressions with a wildcard minute or hour keep their
real-time cadence.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import croniter
from croniter.croniter import CroniterError

FIELDS = ("minute", "hour", "day of month", "month", "day of week")
# croniter's own extension that draws at random: the same expression must mean the same times in every process.
_RANDOM = re.compile(r"(^|[\s,])R\b")
# The largest change of a zone's clock that has ever been made is a whole day (Pacific/Apia, 2011).
_NEAR = timedelta(hours=25)


class BadCron(ValueError):  # noqa: N818
    """The expression cannot be understood, or never fires; the message says which and why."""


@lru_cache(maxsize=4096)
def zone(name: str) -> ZoneInfo:
    """The IANA zone of that name; raises ``ValueError`` with a sentence."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"there is no time zone {name!r}; use an IANA name such as Europe/Berlin or UTC") from error


def check(expression: str, timezone: str, after: datetime) -> None:
    """Raise ``BadCron`` unless the expression can be read and fires at some time after ``after``."""
    if next_fire(expression, timezone, after) is None:
        raise BadCron(f"{expression!r} never fires: no date matches its day and month")


@lru_cache(maxsize=65536)
def next_fire(expression: str, timezone: str, after: datetime) -> datetime | None:
    """The first instant strictly after ``after`` (aware) at which the expression fires; None when there is none.

    Raises ``BadCron`` and, for an unknown zone, ``ValueError``.
    """
    place = zone(timezone)
    local = after.astimezone(place)
    shift = max(abs(_offset(place, after + _NEAR) - _offset(place, after - _NEAR)), timedelta())
    candidates = _instants(expression, place, (local - shift).replace(tzinfo=None, fold=0))
    # Around a clock change, wall-clock order is not the order of instants: look at a few more and take the earliest.
    if not shift:
        return next((instant for instant in candidates if instant > after), None)
    later = _upcoming(candidates, after, shift)
    return min(later, default=None)


def _upcoming(candidates: Iterator[datetime], after: datetime, shift: timedelta) -> list[datetime]:
    found: list[datetime] = []
    for instant in candidates:
        if found and instant > min(found) + 2 * shift:
            break
        if instant > after:
            found.append(instant)
    return found


def _instants(expression: str, place: ZoneInfo, start: datetime) -> Iterator[datetime]:
    """Instants of the expression's wall-clock times after ``start``, in wall-clock order."""
    cadence = _keeps_cadence(expression)
    for wall in _walls(expression, start):
        first = wall.replace(tzinfo=place, fold=0)
        second = wall.replace(tzinfo=place, fold=1)
        if first.utcoffset() == second.utcoffset():
            yield first.astimezone(UTC)
        elif first.astimezone(UTC) < second.astimezone(UTC):  # repeated by the clock going back
            yield first.astimezone(UTC)
            if cadence:
                yield second.astimezone(UTC)
        elif not cadence:  # left out by the clock going forward: the instant at which the gap ends
            yield _gap_end(place, second.astimezone(UTC), first.astimezone(UTC))


def _walls(expression: str, start: datetime) -> Iterator[datetime]:
    if _RANDOM.search(expression):
        raise BadCron("R (random) is not supported: every process must find the same times")
    try:
        times = croniter(expression, start, ret_type=datetime, second_at_beginning=True)
    except (CroniterError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadCron(_explain(expression, error)) from error
    while True:
        try:
            yield times.get_next(datetime)
        except (CroniterError, OverflowError, ValueError):
            return


def _explain(expression: str, error: Exception) -> str:
    """Which field is wrong: croniter names none, so each is tried on its own."""
    fields = expression.split()
    if expression.startswith("@"):
        return f"{expression!r} is no known nickname; use @hourly, @daily, @weekly, @monthly or @yearly"
    if len(fields) not in (5, 6):
        return f"a cron expression has 5 fields, or 6 with seconds first; {expression!r} has {len(fields)}"
    names = FIELDS if len(fields) == 5 else ("second", *FIELDS)
    for position, name in enumerate(names):
        alone = ["*"] * len(fields)
        alone[position] = fields[position]
        if not croniter.is_valid(" ".join(alone), second_at_beginning=True):
            return f"field {position + 1} ({name}) of the cron expression is wrong: {fields[position]!r}"
    return f"{expression!r} is no cron expression: {error}"


@lru_cache(maxsize=4096)
def _keeps_cadence(expression: str) -> bool:
    """Whether minute or hour is a wildcard: such expressions mean "every so often", not "at that time of day"."""
    fields = expression.split()
    if expression.startswith("@"):
        return expression == "@hourly"
    minute, hour = fields[-5:-3] if len(fields) in (5, 6) else ("", "")
    return minute.startswith("*") or hour.startswith("*")


def _gap_end(place: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The instant between two others at which the zone's offset changes, to the second."""
    low, high = before - _NEAR, after + _NEAR
    offset = _offset(place, low)
    while high - low > timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        middle = middle if middle > low else low + timedelta(seconds=1)
        low, high = (middle, high) if _offset(place, middle) == offset else (low, middle)
    return high.replace(microsecond=0)


def _offset(place: ZoneInfo, instant: datetime) -> timedelta:
    return instant.astimezone(place).utcoffset() or timedelta()


def upcoming(expression: str, timezone: str, after: datetime, count: int) -> list[datetime]:
    """The next ``count`` instants after ``after``; fewer when the expression ends."""

    def follow() -> Iterator[datetime]:
        instant: datetime | None = after
        while (instant := next_fire(expression, timezone, instant)) is not None:
            yield instant

    return list(islice(follow(), count))
