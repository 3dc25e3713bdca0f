"""Connections kept open between requests, so that a target called every second is not dialled every second."""

import time
import weakref
from collections import deque
from threading import Lock

from shared.runners.connection import PlainConnection
from shared.runners.request import Target

MAX_IDLE = 64
MAX_IDLE_PER_TARGET = 10
# A name that moved to another address is followed after this long; nothing older is used again.
MAX_AGE_SECONDS = 60.0


Idle = deque[tuple[Target, PlainConnection]]


class ConnectionPool:
    """Idle connections by target; safe to share between threads, bounded, closed with its last reference.

    They carry nothing of a user: credentials travel with each request. Addresses were judged when they were opened.
    """

    def __init__(self) -> None:
        self._idle: Idle = deque()
        self._lock = Lock()
        self.close = weakref.finalize(self, _close_all, self._idle)

    def take(self, target: Target) -> PlainConnection | None:
        """The connection to this target that was used last, if one is still open."""
        while (connection := self._pop(target)) is not None:
            if connection.is_connected and time.monotonic() - connection.opened_at < MAX_AGE_SECONDS:
                return connection
            connection.close()
        return None

    def give(self, target: Target, connection: PlainConnection) -> None:
        """Keep a connection whose answer was read to its end; the oldest ones make room."""
        with self._lock:
            self._idle.append((target, connection))
            crowded = [kept for kept in self._idle if kept[0] == target][:-MAX_IDLE_PER_TARGET]
            crowded = crowded or list(self._idle)[:-MAX_IDLE]
            for kept in crowded:
                self._idle.remove(kept)
        for _, surplus in crowded:
            surplus.close()

    def _pop(self, target: Target) -> PlainConnection | None:
        with self._lock:
            kept = next((kept for kept in reversed(self._idle) if kept[0] == target), None)
            if kept is not None:
                self._idle.remove(kept)
        return kept[1] if kept else None


def _close_all(idle: Idle) -> None:
    while idle:
        idle.pop()[1].close()
