"""The one clock. The database's time decides what is due; a function's own clock only sleeps."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What verbs and entry points may ask of time."""

    def now(self) -> datetime:
        """The instant, aware, in UTC; never later than the database's own."""
        ...

    def sleep_until(self, instant: datetime) -> None:
        """Come back once ``now()`` has reached ``instant``."""
        ...


class SteppedClock:
    """A clock that is read from a source now and then, and counted on by the monotonic clock in between.

    Each reading is taken when its answer has *arrived*, so the clock lags the source by part of a round trip and never
    runs ahead of it: nothing fires early. ``stale_after`` is in seconds.
    """

    def __init__(self, read: Callable[[], datetime], stale_after: float = 5.0) -> None:
        self._read = read
        self._stale_after = stale_after
        self._base: tuple[datetime, float] | None = None

    def now(self) -> datetime:
        """The source's time, to within the drift of ``stale_after`` seconds of counting."""
        if self._base is None or time.monotonic() - self._base[1] > self._stale_after:
            instant = self._read()
            self._base = (instant, time.monotonic())
        return self._base[0] + timedelta(seconds=time.monotonic() - self._base[1])

    def sleep_until(self, instant: datetime) -> None:
        """Sleep in one go, then in slivers, until the source's time has reached ``instant``."""
        while (left := (instant - self.now()).total_seconds()) > 0:
            time.sleep(max(left, 0.0005))


def whole_second_after(instant: datetime) -> datetime:
    """The first whole second strictly after ``instant``."""
    return instant.replace(microsecond=0) + timedelta(seconds=1)
