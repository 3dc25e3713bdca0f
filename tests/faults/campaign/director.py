"""Makes events happen to a laboratory. What lasts a while happens in a thread of its own, so that it all overlaps."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import any_, select

from shared.errors import Unavailable
from shared.queue import decode
from shared.store.arrays import ids
from shared.store.tables import triggers
from tests.faults.campaign.events import Event
from tests.faults.lab.bench import Lab
from tests.faults.lab.broker import Manners
from tests.faults.lab.functions import RuleManners
from tests.faults.lab.sandbox import Sandbox
from tests.faults.lab.server import Server

BAD_QUEUE = Manners(lose=0.03, double=0.1, delay=0.2, longest_delay=8.0, reject=0.05, reorder=True)
BAD_RULES = RuleManners(miss=0.25, double=0.3, late=0.5, longest_delay=5.0)


@dataclass(frozen=True, slots=True)
class Loss:
    """An executor that was killed, and the triggers that were executing in it."""

    at: float
    triggers: tuple[int, ...]


@dataclass
class Record:
    """What happened, by ``time.monotonic()``, as far as somebody must recover from it."""

    counts: dict[str, int] = field(default_factory=dict)
    kills: list[Loss] = field(default_factory=list)
    database_back: list[float] = field(default_factory=list)
    queue_back: list[float] = field(default_factory=list)
    queue_away: list[tuple[float, float]] = field(default_factory=list)


class Director:
    """Works a list of events off, from ``start`` until ``stop``."""

    def __init__(self, lab: Lab, server: Server, events: Sequence[Event], tell: Callable[[str], None]) -> None:
        self.record = Record()
        self._lab, self._server, self._events, self._tell = lab, server, events, tell
        self._sandboxes = {sandbox.birth.name: sandbox for sandbox in lab.sandboxes}
        self._over = threading.Event()
        self._database = threading.Lock()
        self._queue = threading.Lock()
        self._lasting: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._go, name="director", daemon=True)

    def start(self) -> None:
        """Begin; the events' instants count from now on."""
        self._origin = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """No more events; whatever still lasts is ended, and everybody behaves from now on."""
        self._over.set()
        self._thread.join()
        for lasting in self._lasting:
            lasting.join()

    def _go(self) -> None:
        acts: Mapping[str, Callable[[Event], None]] = {
            "kill": self._kill,
            "arm": self._arm,
            "clock off": self._clock_off,
            "restart postgres": self._restart,
            "crash postgres": self._restart,
            "freeze": self._freeze,
            "queue away": self._queue_away,
            "queue misbehaves": self._queue_misbehaves,
            "rules misbehave": self._rules_misbehave,
            "target slow": self._target_slow,
            "target broken": self._target_broken,
        }
        for event in self._events:
            if self._over.wait(max(self._origin + event.at - time.monotonic(), 0)):
                return
            self._tell(str(event))
            self.record.counts[event.what] = self.record.counts.get(event.what, 0) + 1
            self._lasting = [each for each in self._lasting if each.is_alive()]
            self._lasting.append(threading.Thread(target=acts[event.what], args=(event,), daemon=True))
            self._lasting[-1].start()

    def _pause(self, seconds: float) -> None:
        self._over.wait(seconds)

    def _sandbox(self, event: Event) -> Sandbox:
        return self._sandboxes[event.whom.split()[0]]

    def _kill(self, event: Event) -> None:
        sandbox = self._sandbox(event)
        serving = sandbox.serving
        if not sandbox.kill() or serving is None or serving.function != "executor":
            return
        at = time.monotonic()
        pack = decode(serving.event["Records"][0]["body"]) or ()
        executing = select(triggers.c.id).where(triggers.c.id == any_(ids("pack")), triggers.c.status == "executing")
        try:
            with self._lab.services.database.begin() as connection:
                lost = tuple(connection.execute(executing, {"pack": list(pack)}).scalars())
        except Unavailable:
            return
        if lost:
            self.record.kills.append(Loss(at, lost))

    def _arm(self, event: Event) -> None:
        self._sandbox(event).arm(event.whom.split()[1])

    def _clock_off(self, event: Event) -> None:
        self._sandbox(event).rebirth(skew=event.amount)

    def _restart(self, event: Event) -> None:
        with self._database:
            again = self._server.restart if event.what == "restart postgres" else self._server.crash
            self.record.database_back.append(again(event.amount))

    def _freeze(self, event: Event) -> None:
        sandbox = self._sandbox(event)
        sandbox.stop()
        self._pause(event.amount)
        sandbox.go_on()

    def _queue_away(self, event: Event) -> None:
        with self._queue:
            since = time.monotonic()
            self._lab.broker.manners = replace(self._lab.broker.manners, away=True)
            self._pause(event.amount)
            self._lab.broker.manners = replace(self._lab.broker.manners, away=False)
            self.record.queue_back.append(time.monotonic())
            self.record.queue_away.append((since, time.monotonic()))

    def _queue_misbehaves(self, event: Event) -> None:
        self._lab.broker.manners = replace(BAD_QUEUE, away=self._lab.broker.manners.away)
        self._pause(event.amount)
        self._lab.broker.manners = Manners(away=self._lab.broker.manners.away)

    def _rules_misbehave(self, event: Event) -> None:
        self._lab.creator_rule.manners = self._lab.cleaner_rule.manners = BAD_RULES
        self._pause(event.amount)
        self._lab.creator_rule.manners = self._lab.cleaner_rule.manners = RuleManners()

    def _target_slow(self, event: Event) -> None:
        self._lab.target.delay = 0.2
        self._pause(event.amount)
        self._lab.target.delay = 0.0

    def _target_broken(self, event: Event) -> None:
        self._lab.sick.status = 503
        self._pause(event.amount)
        self._lab.sick.status = None
