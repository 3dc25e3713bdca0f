"""Which days of a month a cron expression picks. Pure calendar arithmetic; weekdays count from Sunday = 0."""

from calendar import isleap
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

LAST = -1
_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class MonthDays:
    """The day-of-month field: plain days, days before the last (``L-3``), working days near a day (``15W``, ``LW``).

    ``near`` holds days, and ``LAST`` for the last working day.
    """

    plain: frozenset[int] = frozenset()
    before_last: frozenset[int] = frozenset()
    near: frozenset[int] = frozenset()
    starred: bool = False

    def of(self, first: int, length: int) -> set[int]:
        """Days of a month whose 1st is weekday ``first`` and which has ``length`` days."""
        found = {day for day in self.plain if day <= length}
        found.update(length - back for back in self.before_last if back < length)
        found.update(_working_day(day, first, length) for day in self.near if day <= length)
        return found


@dataclass(frozen=True, slots=True)
class WeekDays:
    """The day-of-week field: plain weekdays, and pairs of a weekday and its place in the month (``5#2``, ``5L``)."""

    plain: frozenset[int] = frozenset()
    nth: frozenset[tuple[int, int]] = frozenset()
    starred: bool = False

    def of(self, first: int, length: int) -> set[int]:
        """Days of a month whose 1st is weekday ``first`` and which has ``length`` days."""
        found = {day for day in range(1, length + 1) if (first + day - 1) % 7 in self.plain}
        for weekday, nth in self.nth:
            days = range(1 + (weekday - first) % 7, length + 1, 7)
            if nth == LAST:
                found.add(days[-1])
            elif nth <= len(days):
                found.add(days[nth - 1])
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Days:
    """Both day fields, and how they combine: ``either`` is OR, otherwise a day must satisfy both.

    Compared by identity, because what is picked is remembered for it.
    """

    month: MonthDays
    week: WeekDays
    either: bool

    def of(self, year: int, month: int) -> tuple[int, ...]:
        """The days picked in a month, in order."""
        length = 29 if month == 2 and isleap(year) else _LENGTHS[month - 1]
        # The first day of the calendar was a Monday, so days counted from there give weekdays from Sunday = 0.
        return _picked(self, date(year, month, 1).toordinal() % 7, length)


@lru_cache(maxsize=4096)
def _picked(days: Days, first: int, length: int) -> tuple[int, ...]:
    """There are but 28 kinds of months."""
    by_month, by_week = days.month.of(first, length), days.week.of(first, length)
    return tuple(sorted(by_month | by_week if days.either else by_month & by_week))


def _working_day(day: int, first: int, length: int) -> int:
    """The working day (Monday to Friday) nearest to a day, within its month."""
    if day == LAST:
        return length - {6: 1, 0: 2}.get((first + length - 1) % 7, 0)
    weekday = (first + day - 1) % 7
    if weekday == 6:
        return day - 1 if day > 1 else 3
    if weekday == 0:
        return day + 1 if day < length else day - 2
    return day
