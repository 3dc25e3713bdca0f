"""Which instances of Cronny's functions are there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.manage.readiness import CLEANER_SILENT_AFTER_SECONDS, SILENT_AFTER_SECONDS
from shared.registration import Service
from shared.services import Services
from shared.store import services as own_rows

LIMIT = 500
# These are called each minute, whatever there is to do; the others speak when they are needed.
SILENT_AFTER: Mapping[str, float] = {
    Service.CREATOR: SILENT_AFTER_SECONDS,
    Service.CLEANER: CLEANER_SILENT_AFTER_SECONDS,
}


@dataclass(frozen=True, slots=True)
class Instance:
    """A process of a service that was heard of ``age`` real seconds ago.

    ``endpoint``: the queue or the path that its work comes by.
    """

    service: str
    name: str
    version: str
    endpoint: str | None
    started_at: datetime
    beat_at: datetime
    age: float

    @property
    def healthy(self) -> bool | None:
        """Whether it lives; None of one that was not needed lately, or is gone: nobody can tell."""
        if self.age <= SILENT_AFTER.get(self.service, SILENT_AFTER_SECONDS):
            return True
        return False if self.service in SILENT_AFTER else None


def list_instances(services: Services) -> Sequence[Instance]:
    """By service, those that were heard of last first; who was silent for a day is forgotten."""
    now, speed = services.clock.now(), services.clock.speed
    with services.database.begin() as connection:
        rows = own_rows.listed(connection, LIMIT)
    return [
        Instance(
            row.service,
            row.instance,
            row.version,
            row.endpoint,
            row.started_at,
            row.beat_at,
            max((now - row.beat_at).total_seconds(), 0.0) / speed,
        )
        for row in rows
    ]
