"""Sightings: what jobs saw of their hosts opens and closes breakers, and what waits for a host hears of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.breaker import Breaker, HostKey, Sighting, after, look_again_at, waiting
from shared.failpoints import reach
from shared.services import Services
from shared.store import Connection, breakers, holding


@dataclass(frozen=True, slots=True)
class Counted:
    """The breakers as they are now, and how many triggers were let go for those that closed."""

    breakers: Sequence[Breaker]
    let_go: dict[HostKey, int]


def count(services: Services, seen: Sequence[Sighting], now: datetime) -> Counted:
    """Count failures in a row, open what fails too often, close what answers again.

    1. Lock the breakers, by (user, host); make those that a failure needs.
    2. Write what the sightings make of them.
    3. Let what waits for a closed one go, tell what waits for an open one. COMMIT.
       A crash before it forgets these sightings; a probe whose word is lost is followed by another one.
    """
    failing = [sighting.key for sighting in seen if sighting.error is not None]
    with services.database.begin() as connection:
        before = {each.key: each for each in breakers.lock(connection, [one.key for one in seen], failing, now)}
        known = dict(before)
        for sighting in seen:
            if sighting.key in known:
                known[sighting.key] = after(known[sighting.key], sighting, now, services.clock.speed)
        changed = [known[key] for key in before if known[key] is not before[key]]
        breakers.write(connection, changed, now)
        going = {each.key: let_know(services, connection, before[each.key], each, now) for each in changed}
        if __debug__:
            reach("sightings.written", connection)
    if __debug__:
        reach("sightings.committed")
    return Counted(list(known.values()), going)


def let_know(services: Services, connection: Connection, old: Breaker, new: Breaker, now: datetime) -> int:
    """After a change of a breaker that is locked: answers how many triggers were let go, a batch at most."""
    speed = services.clock.speed
    if new.closed:
        return 0 if old.closed else holding.let_go(connection, new.key, now, speed)
    holding.tell(connection, new.key, "; ".join(waiting(new, now)), look_again_at(new, now, speed))
    return 0


def let_go_on(services: Services, key: HostKey, before: int, now: datetime) -> int:
    """Let another batch go behind the ``before`` that have their turn; what a crash leaves looks again by itself."""
    with services.database.begin() as connection:
        return holding.let_go(connection, key, now, services.clock.speed, before)
