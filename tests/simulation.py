"""The engine in fast time, driven by hand: the real verbs on the real database, a clock that jumps to what is due."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

from sqlalchemy import func, select

from shared.clock import whole_second_after
from shared.create import create, take_over
from shared.execute import execute
from shared.services import Services
from shared.store.tables import triggers
from tests.fakes import RecordedQueue, SetClock

PACK_SECONDS = 30.0
# Due times are not all that happens: look in between, too, for what is to be sent again or was lost.
LONGEST_JUMP = timedelta(hours=1)


@dataclass
class Simulation:
    """One creator and one executor that do in a moment what would take them days."""

    services: Services
    clock: SetClock
    queue: RecordedQueue

    def run_until(self, end: datetime) -> None:
        """Tick whenever something is due, up to and including ``end``, and execute what was sent before the next."""
        epoch = take_over(self.services, self.clock.now())
        while True:
            create(self.services, self.clock.now(), epoch)
            while self.queue.packs:
                execute(self.services, self.queue.packs.pop(0), monotonic() + PACK_SECONDS)
            if self.clock.now() >= end:
                return
            self.clock.instant = min(self._next_due(), end)

    def _next_due(self) -> datetime:
        now = self.clock.now()
        planned = select(func.min(triggers.c.next_attempt_at)).where(triggers.c.status == "scheduled")
        with self.services.database.begin() as connection:
            due: datetime | None = connection.execute(planned).scalar_one()
        return max(min(due or now + LONGEST_JUMP, now + LONGEST_JUMP), whole_second_after(now))
