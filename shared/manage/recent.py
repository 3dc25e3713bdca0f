"""A schedule with what became of its last occurrences."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.errors import NotFound
from shared.manage.expected import Expected
from shared.schedule import Schedule, ScheduleId
from shared.services import Services
from shared.store import Connection, recent, schedules
from shared.store.recent import Ended
from shared.user import UserId

MISSING = "There is no such schedule."


@dataclass(frozen=True, slots=True)
class ScheduleWithRecent:
    """``recent``: its last outcomes, ``recent.SHOWN`` at most, newest first."""

    schedule: Schedule
    recent: Sequence[Ended]


ExpectedSchedule = Expected[ScheduleWithRecent]


def get_with_recent(services: Services, user_id: UserId, schedule_id: ScheduleId) -> ScheduleWithRecent:
    """One schedule; raises ``NotFound``."""
    with services.database.begin() as connection:
        return seen_with_recent(connection, user_id, schedule_id)


def seen_with_recent(connection: Connection, user_id: UserId, schedule_id: ScheduleId) -> ScheduleWithRecent:
    """The same within a transaction."""
    schedule = schedules.find(connection, user_id, schedule_id)
    if schedule is None:
        raise NotFound(MISSING)
    return ScheduleWithRecent(schedule, recent.outcomes(connection, user_id, schedule_id))
