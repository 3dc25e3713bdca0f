"""The only fakes: queues that remember, a clock that is set. Databases, targets and runners are real."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.errors import Unavailable
from shared.queue import DeadMessage, Pack


@dataclass
class RecordedQueue:
    """Keeps the packs that were sent; ``away`` makes it unreachable."""

    packs: list[Pack] = field(default_factory=list)
    away: bool = False

    def send(self, packs: Sequence[Pack]) -> int:
        if self.away:
            raise Unavailable("The trigger queue is away: a test says so")
        self.packs.extend(packs)
        return len(packs)


@dataclass
class DeadQueue:
    """Holds messages until they are deleted; ``away`` makes it unreachable, ``stubborn`` undeletable."""

    messages: list[DeadMessage] = field(default_factory=list)
    away: bool = False
    stubborn: bool = False

    def receive(self) -> list[DeadMessage]:
        if self.away:
            raise Unavailable("The dead letter queue is away: a test says so")
        return self.messages[:10]

    def delete(self, message: DeadMessage) -> None:
        if self.stubborn:
            raise Unavailable("The dead letter queue is away: a test says so")
        self.messages.remove(message)


@dataclass
class SetClock:
    """Stands still until it is moved."""

    instant: datetime
    speed: float = 1.0
    real: datetime | None = None

    def real_now(self) -> datetime:
        return self.real or self.instant

    def now(self) -> datetime:
        return self.instant

    def forward(self, seconds: float) -> datetime:
        self.instant += timedelta(seconds=seconds)
        return self.instant

    def sleep_until(self, instant: datetime) -> None:
        self.instant = max(self.instant, instant)
