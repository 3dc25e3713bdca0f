"""Whether Cronny is doing its work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from shared.services import Services
from shared.store import readiness

WATCHED = ("creator", "executor", "cleaner")
# The creator is called each minute and beats at least that often; without it nothing fires.
SILENT_AFTER_SECONDS = 90.0
# A creator ticks each second: after this it cannot keep up, or is stuck.
LAG_SECONDS = 60.0
# Nothing stops firing without the cleaner, but tables grow, and nobody looks at the invariants.
CLEANER_SILENT_AFTER_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Readiness:
    """How each service is, in real seconds, and what does not go as it should.

    ``heartbeat_ages``: None for a service that never was heard of; ``instances`` were in the last 90 seconds. ``lag``
    is how long the oldest due trigger has waited for a creator.
    """

    heartbeat_ages: Mapping[str, float | None]
    instances: Mapping[str, int]
    lag: float

    @property
    def hindrances(self) -> Sequence[str]:
        """Why what is due does not get fired. An executor that nobody needs is silent, and that is fine."""
        age, found = self.heartbeat_ages["creator"], []
        if age is None or age > SILENT_AFTER_SECONDS:
            since = "ever" if age is None else f"for {age:.0f} s"
            found.append(f"No creator was heard of {since}: nothing fires.")
        if self.lag > LAG_SECONDS:
            found.append(f"The oldest due trigger has waited for {self.lag:.0f} s: the creators do not keep up.")
        return found

    @property
    def warnings(self) -> Sequence[str]:
        """What somebody should look at although everything fires."""
        age = self.heartbeat_ages["cleaner"]
        if age is None or age <= CLEANER_SILENT_AFTER_SECONDS:
            return []
        return [f"No cleaner was heard of for {age:.0f} s: history grows, and no invariant is checked."]

    @property
    def ready(self) -> bool:
        """Whether what is due gets fired."""
        return not self.hindrances


def get_readiness(services: Services) -> Readiness:
    """Raises ``Unavailable`` when the database is away."""
    now, speed = services.clock.now(), services.clock.speed
    with services.database.begin() as connection:
        beats = readiness.beats(connection, now, now - timedelta(seconds=SILENT_AFTER_SECONDS * speed))
        lag = readiness.lag(connection, now)
    ages = {row.service: max(float(row.age), 0.0) / speed for row in beats}
    alive = {row.service: row.alive for row in beats}
    return Readiness(
        heartbeat_ages={name: ages.get(name) for name in WATCHED},
        instances={name: alive.get(name, 0) for name in WATCHED},
        lag=lag / speed,
    )
