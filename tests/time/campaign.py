"""A differential campaign: our due times against cronsim's, around every clock change of every zone.

Zones that change at the same instant by the same amount are one case: nothing else of a zone enters. Each difference
must be one of ``DELIBERATE``; ``python -m tests.time.campaign`` prints the counts and fails on any other.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product
from zoneinfo import available_timezones

from cronsim import CronSim

from shared.cron import upcoming, zone
from shared.cron.zones import Change, next_change

FROM, TO = datetime(2020, 1, 1, tzinfo=UTC), datetime(2046, 1, 1, tzinfo=UTC)
MARGIN = timedelta(hours=4)

MINUTES = ("0", "30", "15,45", "*/15", "*/7", "10-50/20", "59")
HOURS = ("*", "0", "1", "2", "1-3", "*/2", "0,12,23", "3")
DATES = ("* * *", "* * 0", "1-7 * 0", "*/2 * 1-5", "L * *")
SECONDS = ("0 30 2 * * *", "30 */20 1 * * *", "*/30 */30 * * * *", "0 0 0 LW * *")
EXPRESSIONS = (*(" ".join(parts) for parts in product(MINUTES, HOURS, DATES)), *SECONDS)

DELIBERATE = {
    "seconds field": "with a seconds field cronsim gives up Debian's rule; here a fixed time keeps it",
    "gap at midnight": "cronsim puts a wildcard's day at a midnight that does not exist, and fires then, an hour late;"
    " here only wall-clock times that exist count",
    "off the hour": "cronsim walks in whole hours and, after a change that is not by whole hours or not on the hour,"
    " steps over times that exist; here none is lost",
}


@dataclass
class Count:
    """What was compared, and what differed: by kind, with one example of each."""

    cases: int = 0
    times: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, other: "Count") -> None:
        self.cases += other.cases
        self.times += other.times
        self.kinds += other.kinds
        self.examples = {**other.examples, **self.examples}


def changes() -> dict[Change, str]:
    """Every distinct change, with a zone in which it happens."""
    found: dict[Change, str] = {}
    for name in sorted(available_timezones() - {"localtime", "Factory"}):
        for change in of_zone(name):
            found.setdefault(change, name)
    return found


def of_zone(name: str) -> Iterator[Change]:
    """The changes of a zone from 2020 to 2045."""
    start = FROM
    while change := next_change(zone(name), start, TO):
        yield change
        start = change.at


def compare(name: str, change: Change, expression: str) -> tuple[int, str | None]:
    """How many times were compared in the hours around a change, and the kind of difference if there is one."""
    start, end = change.at - MARGIN - timedelta(seconds=1), change.at + MARGIN
    ours = set(_until(upcoming(expression, name, start), end))
    theirs = set(_until((at.astimezone(UTC) for at in CronSim(expression, start.astimezone(zone(name)))), end))
    return len(ours | theirs), None if ours == theirs else kind(name, change, expression, ours)


def kind(name: str, change: Change, expression: str, ours: set[datetime]) -> str:
    """Which of ``DELIBERATE`` a difference is, or "unexplained".

    Each kind also asks that our times are exactly those of the definition, found by trying every half minute
    (``existing``), so a fault of ours cannot hide behind a known one of cronsim's.
    """
    minute, hour = expression.split()[-5:-3]
    wildcard = minute.startswith("*") or hour.startswith("*")
    expected = existing(name, change, expression, once=not wildcard)
    if ours != expected:
        return "unexplained"
    if len(expression.split()) == 6 and not wildcard:
        return "seconds field"
    left_out = change.at.replace(tzinfo=None) + change.before, change.at.replace(tzinfo=None) + change.after
    midnight = left_out[1].replace(hour=0, minute=0, second=0)
    if wildcard and left_out[0] <= midnight < left_out[1]:
        return "gap at midnight"
    if wildcard and ((change.after - change.before) % timedelta(hours=1) or left_out[0].minute):
        return "off the hour"
    return "unexplained"


def existing(name: str, change: Change, expression: str, once: bool) -> set[datetime]:
    """The instants whose wall clock matches, by cronsim's own reading of the fields and by no other code of ours.

    ``once``: Debian's rule for fixed times (not the second time in a fold; right after the gap for those left out).
    """
    fields, place = CronSim(expression, datetime(2020, 1, 1)), zone(name)

    def matches(wall: datetime) -> bool:
        parts = (fields.seconds, fields.minutes, fields.hours, fields.months)
        units = (wall.second, wall.minute, wall.hour, wall.month)
        return all(unit in part for unit, part in zip(units, parts, strict=True)) and fields.match_day(wall.date())

    found = set()
    at = change.at - MARGIN
    step = timedelta(seconds=30)
    while at <= change.at + MARGIN:
        wall = at.astimezone(place)
        if matches(wall) and not (once and wall.fold):
            found.add(at)
        at += step
    wall, resumed = (change.at.replace(tzinfo=None) + shift for shift in (change.before, change.after))
    while once and wall < resumed:
        if matches(wall):
            found.add(change.at)
        wall += step
    return found


def _until(times: Iterable[datetime], end: datetime) -> Iterator[datetime]:
    for at in times:
        if at > end:
            return
        yield at


def run(case: tuple[str, Change]) -> Count:
    """All expressions at one change."""
    name, change = case
    count = Count()
    for expression in EXPRESSIONS:
        times, difference = compare(name, change, expression)
        count.cases += 1
        count.times += times
        if difference:
            count.kinds[difference] += 1
            count.examples.setdefault(difference, f"{expression} in {name} at {change.at:%Y-%m-%dT%H:%MZ}")
    return count


def main() -> int:
    """Run it all and print a table; 1 when a difference is unexplained."""
    found = changes()
    total = Count()
    with ProcessPoolExecutor(2) as pool:
        for count in pool.map(run, [(name, change) for change, name in found.items()], chunksize=20):
            total.add(count)
    print(f"{len(found)} distinct changes x {len(EXPRESSIONS)} expressions = {total.cases} cases, {total.times} times")
    for name, number in sorted(total.kinds.items()):
        print(f"  {name}: {number} cases, for example {total.examples[name]}")
    return 1 if total.kinds["unexplained"] else 0


if __name__ == "__main__":
    sys.exit(main())
