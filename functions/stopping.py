"""Stop in good order: a SIGTERM that arrives during an invocation waits until the invocation has come to its end."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

ANSWER_SECONDS = 0.2
_of_the_process = threading.Event()


def ask_all() -> None:
    """For whoever hosts handlers in threads: ask those that run, and those to come, to stop."""
    _of_the_process.set()


@dataclass(frozen=True)
class _LastWords:
    """What a SIGTERM between two invocations has to wait for."""

    say: Callable[[], object]

    def __call__(self, _signal: int, _frame: FrameType | None) -> None:
        self.say()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)


def before_the_end(say: Callable[[], object]) -> None:
    """Have this called before a SIGTERM ends the process, where it does and where Python can take signals."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _LastWords(say))


@contextmanager
def graceful() -> Iterator[threading.Event]:
    """Within the block SIGTERM only sets the event; after it, and the handler's answer, it has its usual effect.

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
            _pass_on(before)


def _pass_on(usual: Any) -> None:
    """The usual effect of a SIGTERM. Where that is the end of the process, the runtime hands on the answer first."""
    if isinstance(usual, _LastWords):
        usual.say()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    elif callable(usual):
        usual(signal.SIGTERM, None)
        return
    end = threading.Timer(ANSWER_SECONDS, os.kill, (os.getpid(), signal.SIGTERM))
    end.daemon = True
    end.start()
