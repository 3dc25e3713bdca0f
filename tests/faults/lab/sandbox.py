"""A sandbox as Lambda has them: one process that serves one invocation at a time, and another one when it dies."""

import multiprocessing
import os
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.context import ForkServerProcess

from tests.faults.lab.worker import Answer, Birth, Failing, Invocation, work

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.faults.lab.worker"])
# multiprocessing looks after all of its children whenever it starts one, and must not be interrupted by itself.
_starting = threading.Lock()


@dataclass(frozen=True, slots=True)
class Result:
    """How an invocation ended: answered, raised, died with its process, or killed because its time was over."""

    answer: Answer | None
    faults: tuple[str, ...] = ()
    overran: bool = False

    @property
    def ok(self) -> bool:
        """Whether the handler answered."""
        return self.answer is not None and self.answer.error is None


class Sandbox:
    """One worker after the other; ``serving`` is what it does now. ``invoke`` is for one thread, the rest for any."""

    def __init__(self, birth: Birth, armed: str = "") -> None:
        self.birth = birth
        self._armed = armed
        self._next_points: str | None = None
        self.serving: Invocation | None = None
        self.generation = 0
        self._process: ForkServerProcess | None = None
        self._pid: int | None = None
        self._channel: multiprocessing.connection.Connection | None = None

    def invoke(self, invocation: Invocation) -> Result:
        """Have the worker serve this, in a new one if there is none; kills it when the time is over."""
        points, self._next_points = self._next_points, None
        self.serving = replace(invocation, fail_points=points)
        try:
            return self._invoke(self.serving)
        finally:
            self.serving = None

    def arm(self, points: str) -> None:
        """Have the next invocation fail at these points."""
        self._next_points = points

    def _invoke(self, invocation: Invocation) -> Result:
        if self._process is None:
            self._start()
        channel, faults = self._channel, list[str]()
        assert channel is not None
        until = time.monotonic() + invocation.seconds
        try:
            channel.send(invocation)
            while channel.poll(max(until - time.monotonic(), 0)):
                message = channel.recv()
                if isinstance(message, Answer):
                    return Result(message, tuple(faults))
                assert isinstance(message, Failing)
                faults.append(message.fault)
                # One worker fails on purpose; whoever comes after it is healthy.
                self._armed = ""
        except (EOFError, OSError):
            self._bury()
            return Result(None, tuple(faults))
        # Where it hangs goes to its log, which is what one wants to know when nobody made it hang.
        if not faults and self._signal(signal.SIGUSR1):
            time.sleep(0.2)
        self._bury()
        return Result(None, tuple(faults), overran=True)

    def kill(self) -> bool:
        """SIGKILL; whoever invokes finds out. False when nobody is there."""
        return self._signal(signal.SIGKILL)

    def stop(self) -> bool:
        """Freeze it, as Lambda does, but in the middle of its work."""
        return self._signal(signal.SIGSTOP)

    def go_on(self) -> bool:
        """Thaw it."""
        return self._signal(signal.SIGCONT)

    def close(self) -> None:
        """Kill the worker and wait for its end."""
        self._bury()

    def rebirth(self, **changes: object) -> None:
        """What the next worker is born with; the present one is killed."""
        self.birth = replace(self.birth, **changes)  # type: ignore[arg-type]
        self.kill()

    def _start(self) -> None:
        ours, theirs = _context.Pipe()
        birth = replace(self.birth, environ={**self.birth.environ, "CRONNY_FAIL_POINTS": self._armed})
        with _starting:
            process = _context.Process(target=work, args=(theirs, birth), daemon=True)
            process.start()
        theirs.close()
        self._process, self._pid, self._channel = process, process.pid, ours
        self.generation += 1

    def _signal(self, number: signal.Signals) -> bool:
        pid = self._pid
        if pid is None:
            return False
        with suppress(ProcessLookupError):
            os.kill(pid, number)
            return True
        return False

    def _bury(self) -> None:
        self._signal(signal.SIGKILL)
        process, self._process, self._pid = self._process, None, None
        if process is not None:
            with _starting:
                process.join()
                process.close()
        if self._channel is not None:
            self._channel.close()
            self._channel = None
