"""Due times are kept once they are found, so that what many schedules ask is found once. Thread-safe."""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from threading import Lock

Times = Callable[[datetime], Iterator[datetime]]

# Stretches of time that are kept of one timetable, and due times that are kept of a stretch.
_STRETCHES, _KEPT = 8, 64
# So many due times are walked on before it is cheaper to begin anew.
_STEPS = 32


@dataclass(slots=True)
class _Stretch:
    """Every due time after ``since`` up to the last of ``times``; ``ahead`` goes on from there."""

    since: datetime
    ahead: Iterator[datetime]
    times: list[datetime] = field(default_factory=list)
    ended: bool = False

    def reaches(self, instant: datetime) -> bool:
        """Walk on until something is due after ``instant`` (from ``since`` on) or nothing follows; not too far."""
        for _ in range(_STEPS):
            if self.ended or (self.times and instant < self.times[-1]):
                return True
            self._walk()
        return False

    def after(self, instant: datetime) -> datetime | None:
        """The first due time after an instant that it ``reaches``."""
        place = bisect_right(self.times, instant)
        return self.times[place] if place < len(self.times) else None

    def _walk(self) -> None:
        due = next(self.ahead, None)
        if due is None:
            self.ended = True
            return
        self.times.append(due)
        if len(self.times) > _KEPT:
            half = _KEPT // 2
            self.since = self.times[half - 1]
            del self.times[:half]


class Found:
    """What was found of one timetable, whose due times after an instant are ``times(instant)``."""

    def __init__(self, times: Times) -> None:
        self._times = times
        self._stretches: list[_Stretch] = []
        self._lock = Lock()

    def after(self, instant: datetime) -> datetime | None:
        """The first due time strictly after ``instant``; None when there is none."""
        with self._lock:
            begun = (known for known in self._stretches if known.since <= instant)
            stretch = max(begun, key=attrgetter("since"), default=None)
            if stretch is None or not stretch.reaches(instant):
                stretch = _Stretch(instant, self._times(instant))
                self._stretches = [stretch, *self._stretches[: _STRETCHES - 1]]
                stretch.reaches(instant)
            return stretch.after(instant)
