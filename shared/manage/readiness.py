"""Whether Cronny is doing its work."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.services import Services
from shared.store import readiness

WATCHED = ("creator", "executor", "cleaner")
# The creator is called each minute and beats at least that often; without it nothing fires.
CREATOR_SILENT_AFTER_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Readiness:
    """Real seconds since each service was last heard of; None for one that never was."""

    heartbeat_ages: Mapping[str, float | None]

    @property
    def ready(self) -> bool:
        """Whether what is due gets fired. An executor that nobody needs is silent, and that is fine."""
        age = self.heartbeat_ages["creator"]
        return age is not None and age <= CREATOR_SILENT_AFTER_SECONDS


def get_readiness(services: Services) -> Readiness:
    """Raises ``Unavailable`` when the database is away."""
    now, speed = services.clock.now(), services.clock.speed
    with services.database.begin() as connection:
        ages = readiness.heartbeat_ages(connection, now)
    return Readiness({name: ages[name] / speed if name in ages else None for name in WATCHED})
