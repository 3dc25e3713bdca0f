"""The one clock. The database's time decides what is due; a function's own clock only sleeps."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

# A virtual clock changes its speed while it is used: read it anew this often, and never sleep longer without a look.
VIRTUAL_STALE_AFTER = 0.25
# In fast time whole seconds follow each other too closely; ticks then keep this much real time between them.
BREATH = timedelta(milliseconds=50)


class Clock(Protocol):
    """What verbs and entry points may ask of time."""

    @property
    def speed(self) -> float:
        """How many of its seconds pass in a real one: 1, but for a virtual clock.

        Whatever protects real work (a lease, a wait for an answer) lasts that many times as long by this clock.
        """
        ...

    def now(self) -> datetime:
        """The instant, aware, in UTC; never later than the database's own."""
        ...

    def real_now(self) -> datetime:
        """The same for what must not be played with, such as the end of a token; differs by a virtual clock only."""
        ...

    def sleep_until(self, instant: datetime) -> None:
        """Come back once ``now()`` has reached ``instant``."""
        ...


@dataclass(frozen=True, slots=True)
class Reading:
    """A look at the database's time: what it really is, what Cronny takes it for, and how fast that goes."""

    real: datetime
    shown: datetime
    speed: float = 1.0

    @property
    def virtual(self) -> bool:
        """Whether somebody tries out another time than the real one."""
        return self.shown != self.real


class SteppedClock:
    """A clock that is read from a source now and then, and counted on by the monotonic clock in between.

    Each reading is taken when its answer has *arrived*, so the clock lags the source by part of a round trip and never
    runs ahead of it: nothing fires early. ``stale_after`` is in real seconds.
    """

    def __init__(self, read: Callable[[], Reading], stale_after: float = 5.0) -> None:
        self._read = read
        self._stale_after = stale_after
        self._base: tuple[Reading, float] | None = None

    @property
    def speed(self) -> float:
        """As of the last reading: it is asked for where no other connection is to be had."""
        return (self._base or self._look())[0].speed

    def now(self) -> datetime:
        """The source's time, to within the drift of ``stale_after`` seconds of counting."""
        reading, passed = self._counted()
        return reading.shown + timedelta(seconds=passed * reading.speed)

    def real_now(self) -> datetime:
        """The same of the source's real time."""
        reading, passed = self._counted()
        return reading.real + timedelta(seconds=passed)

    def sleep_until(self, instant: datetime) -> None:
        """Sleep in one go, then in slivers, until the source's time has reached ``instant``."""
        while (left := (instant - self.now()).total_seconds() / self.speed) > 0:
            longest = VIRTUAL_STALE_AFTER if (self._base or self._look())[0].virtual else left
            time.sleep(max(min(left, longest), 0.0005))

    def _counted(self) -> tuple[Reading, float]:
        """A reading that is fresh enough, and the real seconds since."""
        reading, at = self._base or self._look()
        if time.monotonic() - at > (VIRTUAL_STALE_AFTER if reading.virtual else self._stale_after):
            reading, at = self._look()
        return reading, time.monotonic() - at

    def _look(self) -> tuple[Reading, float]:
        reading = self._read()
        self._base = (reading, time.monotonic())
        return self._base


@dataclass(frozen=True, slots=True)
class HeldClock:
    """Another clock at one moment: for what holds the only connection, so that no clock can look at the database."""

    reading: Reading

    @classmethod
    def of(cls, clock: Clock) -> "HeldClock":
        """That clock, as it is now."""
        return cls(Reading(clock.real_now(), clock.now(), clock.speed))

    @property
    def speed(self) -> float:
        """As of that moment."""
        return self.reading.speed

    def now(self) -> datetime:
        """That moment."""
        return self.reading.shown

    def real_now(self) -> datetime:
        """The same in real time."""
        return self.reading.real

    def sleep_until(self, instant: datetime) -> None:
        """Refused: nobody sleeps while holding a transaction open."""
        raise RuntimeError(f"nobody waits for {instant} within a transaction")


def whole_second_after(instant: datetime) -> datetime:
    """The first whole second strictly after ``instant``."""
    return instant.replace(microsecond=0) + timedelta(seconds=1)


def next_tick(clock: Clock) -> datetime:
    """When to look for due triggers again: at the next whole second, in fast time at one that leaves a ``BREATH``."""
    return whole_second_after(clock.now() + BREATH * max(clock.speed - 1, 0))
