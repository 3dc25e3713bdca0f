"""What `up` tells on the terminal."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Report:
    """Lines with the seconds since the start; safe to use from several threads."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """Prints at once, also into a pipe."""
        with self._lock:
            print(text, flush=True)

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Says how long a step took when it has ended well."""
        begin = time.monotonic()
        yield
        now = time.monotonic()
        self.say(f"{now - self._start:6.1f} s  {what} ({now - begin:.1f} s)")
