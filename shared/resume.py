"""Resume: pauses that end at an instant which their users named."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared import quotas
from shared.errors import Fault
from shared.failpoints import reach
from shared.manage.quotas import too_often
from shared.schedule import ScheduleId
from shared.services import Services
from shared.store import Connection, resuming
from shared.store import quotas as stored
from shared.store.timings import timing

BATCH = 500
STAYS_PAUSED = "It was to go on at {:%Y-%m-%dT%H:%M:%SZ} and stays paused: {}"


@dataclass(frozen=True, slots=True)
class Resumed:
    """What one batch did; ``more`` says whether another batch is worth a look."""

    resumed: int
    refused: int
    more: bool


def resume(services: Services, now: datetime) -> Resumed:
    """Resume one batch of schedules whose pause is over, exactly as by hand at that instant.

    1. Hold their owners, as whoever resumes by hand does, so that no plan changes meanwhile; then lock the schedules.
       Nothing waits: what somebody else holds is left for the next tick, which finds it as it is by then.
    2. Those that their owners' plans allow are pending from the end of their pause on. The others stay paused, with a
       note that says why, and are not looked at again. COMMIT. A crash before this leaves all of them to the next tick.
    """
    with services.database.begin() as connection:
        due = resuming.lock_due(connection, now, BATCH)
        if not due:
            return Resumed(0, 0, more=False)
        if __debug__:
            reach("resume.locked", connection)
        refusals = _refusals(connection, due, now)
        resuming.resume(connection, [row.id for row in due if row.id not in refusals])
        notes = [(row.id, _note(row, refusals[row.id])) for row in due if row.id in refusals]
        resuming.refuse(connection, notes, now)
        if __debug__:
            reach("resume.written", connection)
    if __debug__:
        reach("resume.committed")
    return Resumed(len(due) - len(notes), len(notes), more=len(due) == BATCH)


def _refusals(connection: Connection, due: Sequence[Any], now: datetime) -> dict[ScheduleId, Fault]:
    """Why some of them cannot go on: as ``manage.quotas.resume_faults``, of many users at once."""
    standings = stored.standings(connection, {row.user_id for row in due})
    refusals = {}
    for row in due:
        plan, over = standings[row.user_id]
        if faults := [quotas.over(plan)] if over else too_often(timing(row), plan, now):
            refusals[row.id] = faults[0]
    return refusals


def _note(row: Any, fault: Fault) -> str:
    return STAYS_PAUSED.format(row.resume_at, fault.message)
