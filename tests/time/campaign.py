"""A differential campaign: our due times against cronsim's, around every clock change of every zone.

For each change and each expression two outcomes are foretold, by a walk along the clock (``tests.time.reference``) and
the rules below: ours, exactly, and cronsim's, exactly or within bounds that a rule states. Only then both libraries are
asked. Whatever is not as foretold is unexplained, and so is a difference that no rule foretold.

``python -m tests.time.campaign`` runs all of it and prints its report; it fails if anything is unexplained.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache
from importlib.metadata import version
from itertools import product, takewhile
from time import monotonic

from cronsim import CronSim

from shared.cron import upcoming, zone
from shared.cron.zones import next_change
from shared.schedule import DstFold, DstGap
from tests.time.changes import Change, Situation, everywhere
from tests.time.reference import Shown, Walk, due, walk

MARGIN = timedelta(hours=36)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# What a clock repeats must lie within a walk as a whole: no change goes back by more.
LONGEST_FOLD = timedelta(hours=3)

MINUTES = ("0", "30", "15,45", "*/15", "*/7", "10-50/20", "59")
HOURS = ("*", "0", "1", "2", "1-3", "*/2", "0,12,23", "3")
DATES = ("* * *", "* * 0", "1-7 * 0", "*/2 * 1-5", "L * *")
MORE = product(("30", "*/15"), ("2", "*", "0"), ("LW * *", "* 3,4,10 6#2", "29-31 3-5,9-11 *", "* * 5L,SAT"))
SECONDS = ("0 30 2 * * *", "30 */20 1 * * *", "*/30 */30 * * * *", "0 0 0 LW * *", "0 15 0,3 * * 0")
EXPRESSIONS = (*(" ".join(parts) for parts in (*product(MINUTES, HOURS, DATES), *MORE)), *SECONDS)

Outcome = frozenset[datetime]
Clock = tuple[int, int, int]


@lru_cache(maxsize=512)
def fields_of(expression: str) -> CronSim:
    """The fields as cronsim reads them: it, too, takes no other part in what is foretold."""
    return CronSim(expression, datetime(2020, 1, 1))


class Index:
    """A walk by the time of day, because most of it is no match for most expressions."""

    def __init__(self, walked: Walk) -> None:
        self.shown: dict[Clock, list[Shown]] = {}
        self.left_out: dict[Clock, list[tuple[datetime, datetime]]] = {}
        for entry in walked.shown:
            self.shown.setdefault(_clock(entry[1]), []).append(entry)
        for missing in walked.left_out:
            self.left_out.setdefault(_clock(missing[0]), []).append(missing)

    def narrowed(self, expression: str) -> Walk:
        """What has a time of day that the expression names; of any day."""
        fields = fields_of(expression)
        clocks = list(product(fields.hours, fields.minutes, fields.seconds))
        return Walk(
            [entry for clock in clocks for entry in self.shown.get(clock, ())],
            [missing for clock in clocks for missing in self.left_out.get(clock, ())],
        )


def _clock(wall: datetime) -> Clock:
    return wall.hour, wall.minute, wall.second


@dataclass(frozen=True)
class Case:
    """An expression at a change; ``walked`` goes ``MARGIN`` to either side of it and a fold further."""

    expression: str
    change: Change
    zone: str
    walked: Walk

    @cached_property
    def cadence(self) -> bool:
        """Whether minute or hour is a wildcard, which goes on in real time when the clock is set."""
        minute, hour = self.expression.split()[-5:-3]
        return minute.startswith("*") or hour.startswith("*")

    @cached_property
    def has_seconds(self) -> bool:
        return len(self.expression.split()) == 6

    def matches(self, wall: datetime) -> bool:
        fields = fields_of(self.expression)
        return (
            wall.minute in fields.minutes
            and wall.hour in fields.hours
            and wall.second in fields.seconds
            and self.matches_day(wall.date())
        )

    def matches_day(self, day: date) -> bool:
        return _day_matches(self.expression, day)

    def foretold(self, gap: DstGap, fold: DstFold) -> Outcome:
        """The due times within ``MARGIN`` under a policy."""
        times = due(self.walked, self.matches, gap, fold)
        return frozenset(time for time in times if -MARGIN < time - self.change.at <= MARGIN)

    @cached_property
    def existing(self) -> Outcome:
        """Every instant whose wall clock matches: what walking along real time finds."""
        return self.foretold(DstGap.SKIP, DstFold.BOTH)

    @cached_property
    def ours(self) -> Outcome:
        """What docs/cron.md promises of a schedule without a policy."""
        return self.existing if self.cadence else self.foretold(DstGap.RUN_AFTER, DstFold.FIRST)


@lru_cache(maxsize=100_000)
def _day_matches(expression: str, day: date) -> bool:
    fields = fields_of(expression)
    return day.month in fields.months and fields.match_day(day)


@dataclass(frozen=True)
class Foretold:
    """cronsim's outcome: ``times``, of which it may lose those in ``lossy`` (from, to); and by which rules.

    ``circling``: from then on it may also go back in time, and never get any further.
    """

    times: Outcome
    rules: tuple[str, ...] = ()
    lossy: tuple[datetime, datetime] | None = None
    circling: bool = False

    def allows(self, outcome: Outcome, circles: bool) -> bool:
        lost = self.times - outcome
        if not lost and not circles:
            return outcome == self.times
        if self.lossy is None or not outcome <= self.times or (circles and not self.circling):
            return False
        start, end = self.lossy
        return all(start <= time and (circles or time < end) for time in lost)


DELIBERATE = {
    "seconds": "cronsim follows Debian's rule for fixed times in expressions of five fields only; with seconds it loses"
    " what the gap leaves out and fires twice in the fold. Here a seconds field changes nothing: fixed times run once.",
    "midnight": "Coming from a day that does not match, cronsim goes on at 00:00 of the next that does, even if the"
    " clock goes from 00:00 to 01:00 then. It fires at that midnight that does not exist, an hour later by the clock"
    " and at an hour that the expression may not name, or loses the hour from 01:00 on. Here only wall-clock times that"
    " exist count.",
    "uneven": "cronsim steps by whole hours and minutes of real time. After a change by half an hour, or one off the"
    " hour, the steps go past wall-clock times that exist, and some of these are lost, until the first hour of"
    " the next day is over; in a fold that does not begin on the hour it may go back in time and never come out again."
    " Here no time is lost and none comes again.",
}


def cronsims(case: Case) -> Foretold:
    """What cronsim will answer."""
    if not (case.has_seconds or case.cadence):
        return Foretold(case.ours)
    rules = ("seconds",) if case.ours != case.existing else ()
    times, change = case.existing, case.change
    after_midnight = _after_missing_midnight(case, times)
    if after_midnight != times:
        return Foretold(after_midnight, (*(rules if case.ours != after_midnight else ()), "midnight"))
    if off_the_hour(change) or (change.resumes - change.stops) % HOUR:
        lossy = (change.at, _first_hour_of_next_day(change))
        return Foretold(
            times, (*rules, "uneven"), lossy, circling=change.resumes < change.stops and off_the_hour(change)
        )
    return Foretold(times, rules)


def _after_missing_midnight(case: Case, times: Outcome) -> Outcome:
    """``times`` as cronsim has them when it jumps to a midnight that the clock leaves out, 01:00 being next."""
    change, fields = case.change, fields_of(case.expression)
    stops, resumes = change.stops, change.resumes
    jumps = case.matches_day(stops.date()) and not case.matches_day(stops.date() - DAY)
    if (stops.hour, stops.minute, resumes - stops) != (0, 0, HOUR) or not jumps:
        return times
    if 0 not in fields.hours:
        return frozenset(time for time in times if not change.at <= time < change.at + HOUR)
    fires = 0 in fields.minutes and 0 in fields.seconds
    return times | {change.at} if fires else times


def _first_hour_of_next_day(change: Change) -> datetime:
    """When the first hour of the day after a change is over: until then steps by hours stay where they are."""
    midnight = change.resumes.replace(hour=0, minute=0) + DAY
    return change.at + (midnight - change.resumes) + HOUR


def off_the_hour(change: Change) -> bool:
    """Whether the clock is set at another minute than 0."""
    return change.stops.minute != 0


def asked_of_cronsim(case: Case) -> tuple[Outcome, bool]:
    """What cronsim answers, and whether it goes back in time, where it is left alone."""
    start, end = case.change.at - MARGIN, case.change.at + MARGIN
    found: list[datetime] = []
    for time in CronSim(case.expression, start.astimezone(zone(case.zone))):
        instant = time.astimezone(UTC)
        # It answers twice the same where several times fall into one gap.
        if instant > end or (found and instant < found[-1]):
            return frozenset(found), instant <= end
        found.append(instant)
    return frozenset(found), False


@dataclass
class Count:
    """What was compared: cases and due times, differences by rule with an example, and what is unexplained."""

    cases: int = 0
    stands_for: int = 0
    times: int = 0
    circling: int = 0
    foretold: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    unexplained: list[str] = field(default_factory=list)

    def add(self, other: "Count") -> None:
        self.cases += other.cases
        self.stands_for += other.stands_for
        self.times += other.times
        self.circling += other.circling
        self.foretold += other.foretold
        self.rules += other.rules
        self.examples = {**other.examples, **self.examples}
        self.unexplained += other.unexplained


def compare(case: Case, zones: int, count: Count) -> None:
    """Foretell, ask both, and count."""
    expected, theirs_expected = case.ours, cronsims(case)
    start, end = case.change.at - MARGIN, case.change.at + MARGIN
    ours = list(takewhile(end.__ge__, upcoming(case.expression, case.zone, start)))
    theirs, circles = asked_of_cronsim(case)
    count.cases += 1
    count.stands_for += zones
    count.times += len(ours)
    count.foretold.update(theirs_expected.rules)
    where = f"`{case.expression}` in {case.zone} at {case.change.at:%Y-%m-%dT%H:%M:%SZ}"
    rules = theirs_expected.rules
    if ours != sorted(expected) or not theirs_expected.allows(theirs, circles) or (not rules and theirs != expected):
        count.unexplained.append(where)
    elif theirs != expected or circles:
        count.circling += circles
        count.rules[" and ".join(rules)] += 1
        count.examples.setdefault(" and ".join(rules), where)


def run(situation: Situation, expressions: tuple[str, ...] = EXPRESSIONS) -> Count:
    """All expressions at one change."""
    count, change = Count(), situation.change
    known = next_change(zone(situation.zone), change.at - timedelta(seconds=1), change.at)
    if known is None or (known.at, known.before, known.after) != (change.at, change.before, change.after):
        count.unexplained.append(f"{situation.zone} at {change.at}: the product finds the change {known}")
    ends, place = MARGIN + LONGEST_FOLD, zone(situation.zone)
    index = {step: Index(walk(place, change.at - ends, change.at + ends, timedelta(seconds=step))) for step in (60, 30)}
    for expression in expressions:
        walked = index[30 if expression.count(" ") == 5 else 60].narrowed(expression)
        compare(Case(expression, change, situation.zone, walked), situation.zones, count)
    return count


def progress(counts: Iterator[Count], of: int) -> Count:
    """All counts together, with a line for each twentieth of the way."""
    total, began = Count(), monotonic()
    for number, count in enumerate(counts, 1):
        total.add(count)
        if number * 20 // of > (number - 1) * 20 // of:
            spent = f"{(monotonic() - began) / 60:.1f} min"
            line = f"{number * 100 // of:3} %: {total.cases:,} cases, {len(total.unexplained)} unexplained, {spent}"
            print(line, file=sys.stderr, flush=True)
    return total


def main() -> int:
    """Run it all and print a report; 1 when anything is unexplained."""
    found = everywhere()
    with ProcessPoolExecutor(2) as pool:
        total = progress(pool.map(run, found.situations, chunksize=5), len(found.situations))
    print(f"{found.changing} of {found.zones} zones change from 2020 to 2045, {found.changes:,} times in all.")
    print(f"{len(found.situations):,} of these changes differ in anything within 20 days; the rest share their result.")
    print(f"{len(EXPRESSIONS)} expressions: {total.cases:,} cases were compared, {total.times:,} due times;")
    print(f"they stand for {total.stands_for:,} of a zone, a change and an expression.")
    for name, number in sorted(total.rules.items()):
        print(f"  {name}: {number:,} differences, for example {total.examples[name]}")
    print(f"  {total.circling} of them go round in circles; a rule applied to {dict(total.foretold)}")
    print(", ".join(f"{name} {version(name)}" for name in ("tzdata", "croniter", "cronsim")))
    print(f"{len(total.unexplained)} unexplained", *total.unexplained[:50], sep="\n  ")
    return 1 if total.unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
