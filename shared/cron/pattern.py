"""What an expression means: the numbers each field allows, and the wall-clock times that follow from them. Pure."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.cron.days import Days

# No pattern of the Gregorian calendar that ever matches leaves out more years than this (a weekday on 29 February: 40).
PATIENCE = 50
_LAST_YEAR = 9991

Date = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Pattern:
    """An expression as the numbers it allows. ``years`` None: every year. ``every``: a fixed rate instead of all that.

    ``cadence``: minute or hour is a wildcard, so it means "every so often" and not "at that time of day".
    """

    seconds: tuple[int, ...] = ()
    minutes: tuple[int, ...] = ()
    hours: tuple[int, ...] = ()
    days: Days | None = None
    months: tuple[int, ...] = ()
    years: frozenset[int] | None = None
    cadence: bool = False
    every: timedelta | None = None

    def walls(self, start: datetime) -> Iterator[datetime]:
        """Wall-clock times from ``start`` (naive) on, in order; they end when ``PATIENCE`` years match nothing."""
        begun = (start.year, start.month, start.day)
        for date in self.dates(begun):
            if date == begun:
                yield from self._rest(start)
                continue
            for hour in self.hours:
                for minute in self.minutes:
                    for second in self.seconds:
                        yield datetime(*date, hour, minute, second)  # noqa: DTZ001 - a wall clock's

    def _rest(self, start: datetime) -> Iterator[datetime]:
        """The times of the day of ``start`` from then on; what has passed of it costs nothing."""
        for hour in self.hours[bisect_left(self.hours, start.hour) :]:
            now = hour == start.hour
            for minute in self.minutes[bisect_left(self.minutes, start.minute) if now else 0 :]:
                this = now and minute == start.minute
                for second in self.seconds[bisect_left(self.seconds, start.second) if this else 0 :]:
                    yield start.replace(hour=hour, minute=minute, second=second, microsecond=0)

    def dates(self, begun: Date) -> Iterator[Date]:
        """Days from that one on, in order; they end as ``walls`` do."""
        found = begun[0]
        for year in range(begun[0], _LAST_YEAR) if self.years is None else sorted(self.years):
            if self.years is None and year > found + PATIENCE:
                return
            for month in self.months:
                if (year, month) < begun[:2] or self.days is None:
                    continue
                for day in self.days.of(year, month):
                    if (date := (year, month, day)) >= begun:
                        found = year
                        yield date
