"""What a monitoring system reads of Cronny, computed from the database: true with any number of instances."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.manage.readiness import Readiness, get_readiness
from shared.registration import Service, register
from shared.services import Services
from shared.store import invariants, metrics, tallying
from shared.store.tallying import LATENESS_BOUNDS, OUTCOMES, REQUEST_BOUNDS, Tally

# A scrape that takes longer is given up: it must not add to the trouble that it is to tell of.
SECONDS_EACH = 2


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many observations were in each bucket; the last one takes what exceeds every bound. Seconds."""

    bounds: Sequence[float]
    counts: Sequence[int]
    total: float


@dataclass(frozen=True, slots=True)
class Measures:
    """The state of everything. Lengths of time are real seconds; ``waiting`` by hold, "" for what nothing holds."""

    pending_schedules: int
    overdue: int
    dead_letters: int
    waiting: Mapping[str, int]
    on_the_way: Mapping[str, metrics.OnTheWay]
    oldest_due_age: float
    ended: Mapping[str, int]
    lateness: Histogram
    requests: Mapping[str, Histogram]
    connections: Mapping[str, int]
    max_connections: int
    breakers: Mapping[str, int]
    violations: Mapping[str, int]
    check_age: float
    readiness: Readiness


def get_measures(services: Services) -> Measures:
    """Raises ``Unavailable`` when the database is away or too slow."""
    readiness = get_readiness(services)
    now, speed = services.clock.now(), services.clock.speed
    with services.database.begin() as connection:
        invariants.limit_time(connection, SECONDS_EACH)
        counts = metrics.counts(connection, now, speed)
        on_the_way = metrics.on_the_way(connection)
        oldest = [metrics.oldest_due(connection, now), *(each.oldest for each in on_the_way.values())]
        tallies = tallying.read(connection)
        states, most = metrics.connections(connection)
        checked_at, violations = invariants.last_check(connection)
        breakers = metrics.open_breakers(connection)
    return Measures(
        pending_schedules=counts[metrics.PENDING],
        overdue=counts[metrics.OVERDUE],
        dead_letters=counts[metrics.DEAD],
        waiting=_waiting(counts),
        on_the_way=on_the_way,
        oldest_due_age=max(((now - each).total_seconds() / speed for each in oldest if each), default=0.0),
        ended=_ended(tallies),
        lateness=_histogram([each for each in tallies if each.name == tallying.LATENESS], LATENESS_BOUNDS),
        requests=_requests(tallies),
        connections=states,
        max_connections=most,
        breakers=breakers,
        violations=violations,
        check_age=(now - checked_at).total_seconds() / speed,
        readiness=readiness,
    )


def add_requests(services: Services, observed: Mapping[tuple[str, int], tuple[int, float]]) -> None:
    """Add an API process's answers, {(label, bucket): (count, seconds)}, and say that it is alive.

    Raises ``Unavailable``; whether they were added is then unknown.
    """
    now = services.clock.now()
    values = sorted((label, bucket, *found) for (label, bucket), found in observed.items())
    with services.database.begin() as connection:
        register(connection, services, Service.API, now)
        tallying.add(connection, [Tally(tallying.REQUESTS, *value) for value in values])


def _waiting(counts: Mapping[str, int]) -> dict[str, int]:
    held = {hold: counts[hold] for hold in (metrics.OVERLAP, metrics.LIMIT, metrics.BREAKER)}
    # The index of what may be dispatched has what waits for another run or a target, too.
    others = counts[metrics.UNHELD] - counts[metrics.OVERLAP] - counts[metrics.BREAKER]
    return {"": max(others, 0)} | held


def _ended(tallies: Sequence[Tally]) -> dict[str, int]:
    found = {each.label: each.count for each in tallies if each.name == tallying.ENDED}
    return {outcome: found.get(outcome, 0) for outcome in OUTCOMES}


def _requests(tallies: Sequence[Tally]) -> dict[str, Histogram]:
    by_label: dict[str, list[Tally]] = {}
    for each in tallies:
        if each.name == tallying.REQUESTS:
            by_label.setdefault(each.label, []).append(each)
    return {label: _histogram(found, REQUEST_BOUNDS) for label, found in sorted(by_label.items())}


def _histogram(tallies: Sequence[Tally], bounds: Sequence[float]) -> Histogram:
    counts = [0] * (len(bounds) + 1)
    for each in tallies:
        counts[each.bucket] += each.count
    return Histogram(bounds, counts, sum(each.total for each in tallies))
