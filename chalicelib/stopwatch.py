"""How long answers take: collected in the process, and now and then added to what all processes have counted."""

import threading
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable

from shared.errors import CronnyError
from shared.manage.measures import add_requests
from shared.services import Services
from shared.store.tallying import REQUEST_BOUNDS

FLUSH_EVERY_SECONDS = 5.0


class Stopwatch:
    """The answers of one process that were not written down yet.

    They are written after a request that used the database and went well: ``/health`` needs none, and one that failed
    may have failed because of it. What a killed process had not written is lost: those of some seconds, and nothing
    about any trigger.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._observed: dict[tuple[str, int], tuple[int, float]] = {}
        self._services: Services | None = None
        # The first request writes at once, and so registers this instance.
        self._due = clock()

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """An answer was given. Routes are patterns of our own, so that there are few of them."""
        key = f"{method} {route} {status // 100}xx", bisect_left(REQUEST_BOUNDS, seconds)
        with self._lock:
            count, total = self._observed.get(key, (0, 0.0))
            self._observed[key] = count + 1, total + seconds

    def flush_when_due(self, services: Services) -> None:
        """Write what there is, unless that was done moments ago."""
        with self._lock:
            self._services = services
            if self._clock() < self._due:
                return
            self._due = self._clock() + FLUSH_EVERY_SECONDS
        self.flush()

    def flush(self) -> None:
        """Write what there is; what cannot be written now is kept for the next time."""
        with self._lock:
            observed, self._observed = self._observed, {}
        if self._services is None or not observed:
            return
        try:
            add_requests(self._services, observed)
        except CronnyError:
            self._keep(observed)

    def _keep(self, observed: dict[tuple[str, int], tuple[int, float]]) -> None:
        with self._lock:
            merged: dict[tuple[str, int], tuple[int, float]] = defaultdict(lambda: (0, 0.0), self._observed)
            for key, (count, total) in observed.items():
                merged[key] = merged[key][0] + count, merged[key][1] + total
            self._observed = dict(merged)
