"""How close an expression's times come to each other on the wall clock. Pure."""

from datetime import date, datetime, timedelta
from itertools import islice, pairwise, takewhile

from shared.cron.pattern import PATIENCE, Pattern

# So many days tell which of them follow each other: four years of every day.
_DAYS = 1500


def smallest_gap(pattern: Pattern, start: datetime) -> timedelta | None:
    """The shortest time between two of its times from ``start`` (naive) on; None when fewer than two are seen.

    That is the least step of seconds, or from the last second of a minute to the first one of the next minute it
    allows, and so on up to days. Changes of the clock are not looked at.
    """
    if pattern.every is not None:
        return pattern.every
    gaps, span = [], 0
    steps = ((1, pattern.seconds), (60, pattern.minutes), (3600, pattern.hours), (86400, _days(pattern, start)))
    for unit, values in steps:
        if not values:
            return None
        gaps += [unit * (after - before) - span for before, after in pairwise(values)]
        span += unit * (values[-1] - values[0])
    return timedelta(seconds=min(gaps)) if gaps else None


def _days(pattern: Pattern, start: datetime) -> tuple[int, ...]:
    """The days it allows, counted, as far as is looked."""
    near = takewhile(lambda day: day[0] <= start.year + PATIENCE, pattern.dates((start.year, start.month, start.day)))
    return tuple(date(*day).toordinal() for day in islice(near, _DAYS))
