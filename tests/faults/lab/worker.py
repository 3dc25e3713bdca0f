"""What runs in a worker's process: the real handlers, one invocation after the other, as Lambda's runtime has them.

Workers are forked from a process that has imported everything, so that one that was killed is back in a few
milliseconds. A worker's own clock may be wrong by any amount; only the database's counts.
"""

import ctypes
import faulthandler
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

from functions import cleaner, creator, executor
from infra.local.context import Context
from shared import failpoints, wiring
from shared.queue.sqs import SqsDeadLetterQueue, SqsTriggerQueue
from shared.services import Services
from tests.faults.lab.broker import BrokerClient

HANDLERS: Mapping[str, Callable[[dict[str, Any], Any], dict[str, Any]]] = {
    "creator": creator.handler,
    "executor": executor.handler,
    "cleaner": cleaner.handler,
}
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Birth:
    """What a worker is born with: its name, its environment, where the broker is, and how wrong its clock goes."""

    name: str
    environ: Mapping[str, str]
    broker_port: int
    log: Path
    skew: float = 0.0


@dataclass(frozen=True, slots=True)
class Invocation:
    """What a function is called with; ``fail_points`` other than None replaces what is armed."""

    function: str
    event: dict[str, Any] = field(default_factory=dict)
    seconds: float = 10.0
    fail_points: str | None = None


@dataclass(frozen=True, slots=True)
class Failing:
    """A fault is about to happen on purpose."""

    fault: str


@dataclass(frozen=True, slots=True)
class Answer:
    """How an invocation ended: the handler's answer, or what it raised."""

    value: dict[str, Any] | None
    error: str | None


def work(channel: Connection, birth: Birth) -> None:
    """Serve invocations until the channel is closed."""
    _die_with_parent()
    _log_to(birth.log)
    faulthandler.register(signal.SIGUSR1)
    os.environ.update(birth.environ)
    if birth.skew:
        _shift_clock(birth.skew)
    telling = threading.Lock()

    def tell(message: Failing | Answer) -> None:
        with telling:
            channel.send(message)

    failpoints.FAULTS = {name: _announced(name, fault, tell) for name, fault in failpoints.FAULTS.items()}
    wiring.services = _services(birth, wiring.services)  # type: ignore[assignment]
    while True:
        try:
            invocation: Invocation = channel.recv()
        except EOFError:
            return
        if invocation.fail_points is not None:
            failpoints.arm(failpoints.parse(invocation.fail_points))
        tell(_invoke(invocation))


def _invoke(invocation: Invocation) -> Answer:
    context = Context(invocation.function, invocation.seconds)
    try:
        return Answer(HANDLERS[invocation.function](invocation.event, context), None)
    except Exception as error:
        return Answer(None, f"{type(error).__name__}: {error}")


def _services(birth: Birth, real: Callable[[], Services]) -> Callable[[], Services]:
    """The product's own wiring, with the broker where boto3 would be, and a dead message that was not deleted yet."""

    @cache
    def services() -> Services:
        client = cast(Any, BrokerClient(birth.broker_port))
        queue, dead_letters = SqsTriggerQueue(client, "http://broker"), SqsDeadLetterQueue(client, "http://broker")
        return replace(real(), queue=queue, dead_letters=dead_letters, instance=birth.name)

    return services


def _announced(name: str, fault: Callable[[Any], None], tell: Callable[[Failing], None]) -> Callable[[Any], None]:
    def fail(connection: Any) -> None:
        tell(Failing(name))
        fault(connection)

    return fail


def _die_with_parent() -> None:
    """On Linux: nothing of a killed test run stays behind, not even what hangs or is stopped."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _log_to(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115 - for the life of the process
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115


def _shift_clock(seconds: float) -> None:
    """Make this process believe in another time, wherever it was imported to; the monotonic clock stays."""
    true_time, true = time.time, datetime

    class Kind(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, true)

    class Shifted(datetime, metaclass=Kind):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return true.fromtimestamp(true_time() + seconds, tz)

        @classmethod
        def utcnow(cls) -> Any:
            return true.fromtimestamp(true_time() + seconds, UTC).replace(tzinfo=None)

    replacements: dict[int, Any] = {id(true_time): lambda: true_time() + seconds, id(true): Shifted}
    for module in list(sys.modules.values()):
        for name, value in list(vars(module).items()):
            if id(value) in replacements:
                setattr(module, name, replacements[id(value)])
