"""Check: what must always hold is held against what happened lately."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.errors import TooSlow
from shared.services import Services
from shared.store import invariants
from shared.store.invariants import INVARIANTS, Violation

log = logging.getLogger("cronny.check")

# Work that is late by less is late, not lost: leases and resends are looked at every other second.
PATIENCE = timedelta(seconds=60)
# Transactions may commit later than the instants that they wrote; what was checked is checked again for that long.
OVERLAP = timedelta(minutes=1)
# After a long silence of the cleaner the check begins here, so that it stays one of a few thousand rows.
LONGEST = timedelta(hours=1)
SECONDS_EACH = 2


@dataclass(frozen=True, slots=True)
class Checked:
    """What does not hold, and how many of the statements were given up because they took too long."""

    violations: Sequence[Violation]
    skipped: int


def check(services: Services, now: datetime, going_on: Callable[[], bool] = lambda: True) -> Checked:
    """Run every invariant over what happened since the last check, each in a transaction of its own.

    Nothing is changed but the bookmark, with how many violated each, last of all: a crash before it checks the same
    again, and so does the next check when this one has to stop because ``going_on`` says so. Lengths of time are real
    ones.
    """
    speed = services.clock.speed
    with services.database.begin() as connection:
        since = max(invariants.checked_until(connection) - OVERLAP * speed, now - LONGEST * speed)
    found: list[Violation] = []
    skipped = 0
    counts: dict[str, int] = {}
    for name in INVARIANTS:
        if not going_on():
            break
        try:
            with services.database.begin() as connection:
                invariants.limit_time(connection, SECONDS_EACH)
                these = invariants.violations_of(connection, name, now, PATIENCE.total_seconds() * speed, since)
            found += these
            counts[name.partition(" ")[0]] = len(these)
        except TooSlow:
            skipped += 1
            log.warning("%s: it could not be checked in time", name)
    else:
        with services.database.begin() as connection:
            invariants.mark_checked(connection, now, counts)
    for violation in found:
        log.warning("invariant violated: %s: %s: %s", violation.invariant, violation.id, violation.detail)
    return Checked(found, skipped)
