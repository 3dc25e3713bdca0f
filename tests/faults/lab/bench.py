"""A laboratory, put together: a database of its own, a broker, a target, and workers around them."""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from shared import wiring
from shared.runners.registry import build_runners
from shared.services import Services
from shared.settings import Settings
from shared.store.engine import connect
from tests.databases import TEMPLATE, on_server
from tests.fakes import RecordedQueue
from tests.faults.lab.broker import Broker, carrying
from tests.faults.lab.functions import Mapping as QueueMapping
from tests.faults.lab.functions import Rule
from tests.faults.lab.sandbox import Result, Sandbox
from tests.faults.lab.target import Target, listening
from tests.faults.lab.worker import Birth, Invocation


@dataclass(frozen=True, slots=True)
class Size:
    """How many of each, how often the rules call, for how long an invocation may last; in seconds.

    A minute of EventBridge lasts ``period`` here. The functions keep 8 and 5 seconds of their time for themselves, so a
    creator loops for ``creator_seconds - 8``: longer than a period, as 110 seconds are longer than a minute.
    """

    executors: int = 2
    creators: int = 2
    period: float = 5.0
    creator_seconds: float = 16.0
    executor_seconds: float = 15.0
    # The cleaner keeps 10 for itself, and asks URLs of calendars only if there are 10 more.
    cleaner_seconds: float = 25.0


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of an invocation, and when (``time.monotonic()``)."""

    at: float
    sandbox: str
    function: str
    result: Result


@dataclass
class Lab:
    """What a campaign may touch. ``services`` are the test's own way to the database, ``sick`` a target to break."""

    services: Services
    broker: Broker
    target: Target
    sick: Target
    executors: list[Sandbox]
    creators: list[Sandbox]
    cleaners: list[Sandbox]
    mapping: QueueMapping
    creator_rule: Rule
    cleaner_rule: Rule
    log: Path
    endings: list[Ending] = field(default_factory=list)
    started: bool = False

    @property
    def sandboxes(self) -> list[Sandbox]:
        """All workers' places."""
        return [*self.executors, *self.creators, *self.cleaners]

    def warm(self) -> None:
        """Have every worker born, with all that a first invocation takes."""
        idle: dict[str, dict[str, Any]] = {"executor": {"Records": []}, "creator": {"ticks": 0}, "cleaner": {}}
        calls = [
            threading.Thread(target=sandbox.invoke, args=(Invocation(function, idle[function], 60.0),), daemon=True)
            for function, place in zip(idle, (self.executors, self.creators, self.cleaners), strict=True)
            for sandbox in place
        ]
        for call in calls:
            call.start()
        for call in calls:
            call.join()

    def start(self) -> None:
        """Begin to serve."""
        self.started = True
        for part in (self.mapping, self.creator_rule, self.cleaner_rule):
            part.start()

    def wait(self, what: str, seconds: float, condition: Callable[[], bool]) -> None:
        """Look every tenth of a second; fails, with what happened last, when it does not come true in time."""
        until = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > until:
                last = "\n".join(str(ending) for ending in self.endings[-12:])
                log = "".join(self.log.read_text().splitlines(keepends=True)[-12:]) if self.log.exists() else ""
                raise AssertionError(f"waited {seconds:.0f} s in vain for {what}; the last was\n{last}\n{log}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop serving; what runs in an executor ends first."""
        for part in (self.creator_rule, self.cleaner_rule, self.mapping) if self.started else ():
            part.stop()
        self.started = False
        for sandbox in self.sandboxes:
            sandbox.close()


@contextmanager
def laboratory(server: Settings, size: Size, seed: int, armed: Mapping[str, str] | None = None) -> Iterator[Lab]:
    """A lab on a new database of a server that has the template; ``armed``: {sandbox: fail points}, until the
    first has happened.

    Nothing is served before ``start``. Sandboxes are called creator-0, executor-1 and so on.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        services = stack.enter_context(_on_a_new_database(server))
        broker = stack.enter_context(carrying(seed))
        target, sick = stack.enter_context(listening()), stack.enter_context(listening())
        log, endings, telling = folder / "workers.log", list[Ending](), threading.Lock()
        environ = _environ(services.settings)

        def tell(sandbox: Sandbox, invocation: Invocation, result: Result) -> None:
            with telling:
                endings.append(Ending(time.monotonic(), sandbox.birth.name, invocation.function, result))

        def sandboxes(function: str, number: int) -> list[Sandbox]:
            names = [f"{function}-{position}" for position in range(number)]
            return [Sandbox(Birth(name, environ, broker.port, log), (armed or {}).get(name, "")) for name in names]

        executors, creators = sandboxes("executor", size.executors), sandboxes("creator", size.creators)
        cleaners = sandboxes("cleaner", 1)
        lab = Lab(
            services=services,
            broker=broker,
            target=target,
            sick=sick,
            executors=executors,
            creators=creators,
            cleaners=cleaners,
            mapping=QueueMapping(broker, executors, size.executor_seconds, tell),
            creator_rule=Rule("creator", creators, size.period, size.creator_seconds, seed, tell),
            cleaner_rule=Rule("cleaner", cleaners, size.period, size.cleaner_seconds, seed, tell),
            log=log,
            endings=endings,
        )
        stack.callback(lab.stop)
        yield lab


@contextmanager
def _on_a_new_database(server: Settings) -> Iterator[Services]:
    name = f"lab_{uuid4().hex}"
    on_server(server, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
    settings = replace(server, db_name=name)
    database = connect(settings, pool_size=5)
    try:
        runners = build_runners(settings.allowed_networks)
        yield Services(settings, database, RecordedQueue(), runners, wiring.clock(database, settings), "lab")
    finally:
        database.close()
        on_server(server, f"DROP DATABASE {name} WITH (FORCE)")


def _environ(settings: Settings) -> dict[str, str]:
    """The settings as a worker's environment says them."""
    return {
        "DB_HOST": settings.db_host,
        "DB_PORT": str(settings.db_port),
        "DB_USER": settings.db_user,
        "DB_PASSWORD": settings.db_password,
        "DB_NAME": settings.db_name,
        "DB_SSL": settings.db_ssl.value,
        "CRONNY_ENV": settings.environment.value,
        "CRONNY_QUEUE_URL": settings.queue_url,
        "CRONNY_ALLOWED_NETWORKS": ",".join(str(network) for network in settings.allowed_networks),
        "POWERTOOLS_SERVICE_NAME": "lab",
    }
