"""What does it cost the creator to find the due times of many schedules that share a few timings?

    python -m benchmarks.due_times [--schedules 10000]

Finds the first due time of each schedule, and the one after it, without any database. Prints for each kind of schedule
the microseconds of CPU per schedule, and how often wall-clock times were walked: in a process that knows nothing yet,
as in the first tick of a creator.
"""

import argparse
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from shared import timetable
from shared.calendars import Calendar, Shift, Window
from shared.cron.pattern import Pattern
from shared.schedule import ScheduleType, ScheduleUnit, Timing

NOW = datetime(2026, 11, 24, 6, 30, 0, 123456, tzinfo=UTC)
EXPRESSIONS = ("0 9 * * *", "*/15 * * * *", "30 2 * * 1-5", "0 0 1 * *", "* * * * *")
CLOSED = Calendar("Closed", "Europe/Berlin", (), (Window(frozenset({5, 6}), 0, 1440),))
# Each kind in a zone of its own, so that nothing found for one is of use to the next.
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("Europe/Berlin", {}),
    "with jitter": ("Europe/Paris", {"jitter_seconds": 600}),
    "with a calendar": ("Europe/Rome", {"calendars": (CLOSED,)}),
    "with shift": ("Europe/Madrid", {"calendars": (CLOSED,), "shift": Shift.NEXT}),
    "with jitter and shift": ("Europe/Vienna", {"calendars": (CLOSED,), "shift": Shift.NEXT, "jitter_seconds": 600}),
}


class Walks:
    """Counts how often a pattern is walked."""

    def __init__(self) -> None:
        self.count = 0
        self._walls = Pattern.walls

    def __call__(self, pattern: Pattern, start: datetime) -> Iterator[datetime]:
        self.count += 1
        return self._walls(pattern, start)


def main() -> None:
    """Parse the command line, run, report."""
    parser = argparse.ArgumentParser("python -m benchmarks.due_times", description=__doc__)
    parser.add_argument("--schedules", type=int, default=10_000)
    schedules = parser.parse_args().schedules
    walks = Walks()
    Pattern.walls = lambda pattern, start: walks(pattern, start)  # type: ignore[method-assign]
    for name, (zone, rest) in KINDS.items():
        before = walks.count
        first, following = measured(zone, rest, schedules)
        print(f"{name:22} first {first:6.1f} us  following {following:6.1f} us  {walks.count - before:6} walks")


def measured(zone: str, rest: dict[str, Any], schedules: int) -> tuple[float, float]:
    """Microseconds of CPU per schedule to find its first due time, and the one after that."""
    timings = [
        Timing(
            ScheduleType.RECURRING, EXPRESSIONS[n % len(EXPRESSIONS)], ScheduleUnit.CRON, zone, NOW, seed=n + 1, **rest
        )
        for n in range(schedules)
    ]
    began = time.process_time()
    due = [timetable.first_due(timing, NOW) for timing in timings]
    between = time.process_time()
    for timing, at in zip(timings, due, strict=True):
        assert at is not None
        timetable.following_due(timing, at)
    ended = time.process_time()
    return (between - began) / schedules * 1e6, (ended - between) / schedules * 1e6


if __name__ == "__main__":
    main()
