"""Breakers as their owners see them: which hosts are left alone, and closing one by hand."""

from collections.abc import Sequence

from shared.breaker import close
from shared.errors import NotFound
from shared.services import Services
from shared.sightings import let_go_on
from shared.store import Connection, breakers, holding
from shared.store.breakers import ListedBreaker
from shared.user import UserId

MISSING = "Nothing is known of this host; a host that has always answered has no breaker."


def list_breakers(services: Services, user_id: UserId) -> Sequence[ListedBreaker]:
    """The caller's breakers, those that are not closed first."""
    with services.database.begin() as connection:
        return breakers.read_list(connection, user_id)


def close_breaker(services: Services, user_id: UserId, host: str) -> tuple[ListedBreaker, int]:
    """Take it that the host is well: close its breaker, and let what waits for it go, paced; answers how many.

    Its failures are counted anew. Raises ``NotFound``. Of a very long line the rest follows batch by batch, each in a
    transaction of its own: what a crash leaves looks again by itself.
    """
    now, speed = services.clock.now(), services.clock.speed
    with services.database.begin() as connection:
        key = _found(connection, user_id, host).breaker.key
        breakers.write(connection, [close(breaker) for breaker in breakers.lock(connection, [key], [], now)], now)
        let_go = count = holding.let_go(connection, key, now, speed)
        closed = _found(connection, user_id, host)
    while count == holding.BATCH:
        count = let_go_on(services, key, let_go, now)
        let_go += count
    return closed, let_go


def _found(connection: Connection, user_id: UserId, host: str) -> ListedBreaker:
    found = breakers.find(connection, user_id, host)
    if found is None:
        raise NotFound(MISSING)
    return found
