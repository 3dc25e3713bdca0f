"""Every change of every zone's clock from 2020 to 2045, found without any code of the product but its zone data."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from shared.cron import zone

FROM, TO = datetime(2020, 1, 1, tzinfo=UTC), datetime(2046, 1, 1, tzinfo=UTC)
# No zone's clock is set and set back within that time.
LOOK_EVERY = 86400
# What lies further away than this from a change has no influence on what is compared around it.
NEIGHBOURHOOD = timedelta(days=20)


@dataclass(frozen=True, order=True)
class Change:
    """At ``at`` (UTC) a clock that was ``before`` ahead of UTC is set to be ``after`` ahead of it."""

    at: datetime
    before: timedelta
    after: timedelta

    @property
    def stops(self) -> datetime:
        """The wall-clock time at which the clock is set."""
        return self.at.replace(tzinfo=None) + self.before

    @property
    def resumes(self) -> datetime:
        """The wall-clock time that it is set to."""
        return self.at.replace(tzinfo=None) + self.after


@dataclass(frozen=True)
class Situation:
    """A change, the zone it is looked at in, and how many zones it stands for.

    In all of them local time is the same function of UTC for ``NEIGHBOURHOOD`` around it, so due times are, too.
    """

    change: Change
    zone: str
    zones: int


@dataclass(frozen=True)
class Census:
    """``changing`` of ``zones`` zones change, ``changes`` times in all: ``situations`` are all that differ."""

    zones: int
    changing: int
    changes: int
    situations: list[Situation]


def names() -> list[str]:
    """All zones of the pinned tzdata, links among them."""
    return files("tzdata").joinpath("zones").read_text().split()


def census(zones: list[str], start: datetime = FROM, end: datetime = TO) -> Census:
    """All changes of these zones, those that are the same in all respects only once."""
    known: dict[bytes, tuple[Change, ...]] = {}
    by_neighbourhood: dict[tuple[Change, ...], list[tuple[Change, str]]] = {}
    total = changing = 0
    for name in zones:
        data = files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()
        if data not in known:
            known[data] = tuple(of_zone(name, start, end))
        changes = known[data]
        changing += bool(changes)
        total += len(changes)
        for change in changes:
            near = tuple(each for each in changes if abs(each.at - change.at) <= NEIGHBOURHOOD)
            by_neighbourhood.setdefault((change, *near), []).append((change, name))
    situations = [Situation(*same[0], len(same)) for same in by_neighbourhood.values()]
    return Census(len(zones), changing, total, sorted(situations, key=lambda each: (each.change, each.zone)))


@lru_cache(maxsize=1)
def everywhere() -> Census:
    """The census of all zones; takes some seconds."""
    return census(names())


def of_zone(name: str, start: datetime = FROM, end: datetime = TO) -> Iterator[Change]:
    """The changes of a zone in ``[start, end)``, by looking at its clock once a day."""
    place, low = zone(name), int(start.timestamp()) - LOOK_EVERY
    before = _offset(place, low)
    while low < end.timestamp() - 1:
        high = min(low + LOOK_EVERY, int(end.timestamp()) - 1)
        after = _offset(place, high)
        if after != before:
            yield Change(datetime.fromtimestamp(_first(place, low, high, before), UTC), before, after)
        low, before = high, after


def _first(place: ZoneInfo, low: int, high: int, before: timedelta) -> int:
    """The second at which the offset is not ``before`` any more."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(place, middle) == before else (low, middle)
    return high


def _offset(place: ZoneInfo, second: int) -> timedelta:
    return datetime.fromtimestamp(second, place).utcoffset() or timedelta()
