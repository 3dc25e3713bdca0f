"""A user's few slots for what the API does elsewhere while they wait: nobody makes a flood of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from shared.errors import TooMany, Unavailable
from shared.services import Services
from shared.store import trials
from shared.store.trials import SLOTS, Slot
from shared.user import UserId

TOO_MANY = (
    f"{len(SLOTS)} tests of jobs or URLs of calendars of yours are being called or just were; wait for one of them."
)
# Beyond what it is for: a slot whose call died with its function is free after that.
SLOT_MARGIN = timedelta(seconds=5)


@contextmanager
def held_slot(
    services: Services, user_id: UserId, now: datetime, lasts: timedelta, between: timedelta
) -> Iterator[None]:
    """Hold one of them for a call that ``lasts`` so long at most; raises ``TooMany`` when none is free.

    It stays taken for ``between``, however quick the call is. ``now`` is real.
    """
    with services.database.begin() as connection:
        slot = trials.take(connection, user_id, now, now + lasts + SLOT_MARGIN)
        free_at = None if slot else trials.free_at(connection, user_id, now)
    if slot is None:
        raise TooMany(TOO_MANY, max((free_at - now).total_seconds(), 1.0) if free_at else 1.0)
    try:
        yield
    finally:
        _give_back(services, slot, now + between)


def _give_back(services: Services, slot: Slot, at: datetime) -> None:
    try:
        with services.database.begin() as connection:
            trials.give_back(connection, slot, at)
    except Unavailable:
        # It is free by itself in a moment; what was called says more.
        return
