"""Stop in good order: a SIGTERM that arrives during an invocation waits until the invocation has noticed."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_of_the_process = threading.Event()


def ask_all() -> None:
    """For whoever hosts handlers in threads: ask those that run, and those to come, to stop."""
    _of_the_process.set()


@contextmanager
def graceful() -> Iterator[threading.Event]:
    """Within the block SIGTERM only sets the event; after it the signal has its usual effect.

    Outside the main thread Python cannot take signals: there it is the event that ``ask_all`` sets.
    """
    if threading.current_thread() is not threading.main_thread():
        yield _of_the_process
        return
    asked = threading.Event()

    def ask(_signal: int, _frame: FrameType | None) -> None:
        asked.set()

    before = signal.signal(signal.SIGTERM, ask)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, before)
        if asked.is_set():
            os.kill(os.getpid(), signal.SIGTERM)
