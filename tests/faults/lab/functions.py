"""Who is called when: executors by messages, creators and cleaners by a rule, all of them in sandboxes."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.faults.lab.broker import Broker
from tests.faults.lab.sandbox import Result, Sandbox
from tests.faults.lab.worker import Invocation

# Tells what became of an invocation: which sandbox, what it was called with, how it ended.
Tell = Callable[[Sandbox, Invocation, Result], None]


@dataclass(slots=True)
class RuleManners:
    """How badly EventBridge behaves: probabilities for each call, and the longest delay in seconds."""

    miss: float = 0.0
    double: float = 0.0
    late: float = 0.0
    longest_delay: float = 4.0


class Mapping:
    """The queue's mapping: each sandbox takes one message after the other."""

    def __init__(self, broker: Broker, sandboxes: Sequence[Sandbox], seconds: float, tell: Tell) -> None:
        self._broker, self._seconds, self._tell = broker, seconds, tell
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._serve, args=(sandbox,), name=sandbox.birth.name, daemon=True)
            for sandbox in sandboxes
        ]

    def start(self) -> None:
        """Begin to take messages."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Take no more; running invocations end first."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _serve(self, sandbox: Sandbox) -> None:
        while not self._over.is_set():
            message = self._broker.receive(0.2)
            if message is None:
                continue
            event = {"Records": [{"messageId": str(message.number), "body": message.body}]}
            invocation = Invocation("executor", event, self._seconds)
            result = sandbox.invoke(invocation)
            if not result.ok:
                self._broker.give_back(message)
            self._tell(sandbox, invocation, result)


class Rule:
    """An EventBridge rule: calls a function each period in a free sandbox; without one the call is lost (throttled)."""

    def __init__(
        self, function: str, sandboxes: Sequence[Sandbox], period: float, seconds: float, seed: int, tell: Tell
    ) -> None:
        self.manners = RuleManners()
        self._function, self._period, self._seconds, self._tell = function, period, seconds, tell
        self._sandboxes = list(sandboxes)
        self._random = random.Random(seed)
        self._over = threading.Event()
        self._calls: list[threading.Thread] = []
        self._taking = threading.Lock()
        self._free = list(sandboxes)
        self._thread = threading.Thread(target=self._go, name=f"rule-{function}", daemon=True)

    def start(self) -> None:
        """Call at once, and then each period."""
        self._thread.start()

    def stop(self) -> None:
        """No more calls; those that are going on are killed."""
        self._over.set()
        self._thread.join()
        for sandbox in self._sandboxes:
            sandbox.kill()
        for call in self._calls:
            call.join()

    def _go(self) -> None:
        due = time.monotonic()
        while not self._over.wait(max(due - time.monotonic(), 0)):
            due += self._period
            chance, manners = self._random.random, self.manners
            if chance() < manners.miss:
                continue
            for _ in range(2 if chance() < manners.double else 1):
                late = self._random.uniform(0, manners.longest_delay) if chance() < manners.late else 0.0
                self._calls = [call for call in self._calls if call.is_alive()]
                self._calls.append(threading.Thread(target=self._call, args=(late,), daemon=True))
                self._calls[-1].start()

    def _call(self, late: float) -> None:
        if self._over.wait(late):
            return
        with self._taking:
            sandbox = self._free.pop(0) if self._free else None
        if sandbox is None:
            return
        invocation = Invocation(self._function, {}, self._seconds)
        try:
            self._tell(sandbox, invocation, sandbox.invoke(invocation))
        finally:
            with self._taking:
                self._free.append(sandbox)
