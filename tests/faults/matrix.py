"""Campaign A: every fail point times every fault, each in a laboratory of its own.

A cell makes a handful of schedules of all types, whose first worker of the function in question is armed; the
supervisor restarts what dies. Every due time must then be decided once, have ended, and have been called.

All waits are the product's own (a lease of the job's timeout + 15 s, 20 s until a message is sent again): nothing is
shortened and no row is moved. Instead many cells wait side by side, each with its own database on one server.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.failpoints import FAULTS, POINTS
from shared.settings import Settings
from tests.faults.accounts import Account, draw_up, unfinished
from tests.faults.lab.bench import Lab, Size, laboratory
from tests.faults.lab.broker import Manners
from tests.faults.workload import Owner, a_crowd, a_handful, new_owner
from tests.world import new_breaker, new_feed

# Whose steps they are: the first word of a point.
FUNCTION = {
    **dict.fromkeys(("create", "resume", "plan", "release", "dispatch", "send", "recover", "probe"), "creator"),
    **dict.fromkeys(("receive", "claim", "run", "record", "gate", "sightings", "execute"), "executor"),
    **dict.fromkeys(("drain", "clean", "refresh"), "cleaner"),
}
# Not the first time: the first tick and the first invocation often find nothing to do.
LATER = {"dispatch": 3, "drain": 2}
SCHEDULED_SECONDS = 6
PATIENCE = 150.0


@dataclass(frozen=True, slots=True)
class Cell:
    """One fault at one point."""

    point: str
    fault: str

    @property
    def function(self) -> str:
        """Which function reaches the point."""
        return FUNCTION[self.step]

    @property
    def step(self) -> str:
        """The first word of the point."""
        return self.point.partition(".")[0]

    @property
    def armed(self) -> dict[str, str]:
        """{sandbox: fail points} of first workers. To recover, something must have been lost first."""
        armed = {f"{self.function}-0": f"{self.point}={self.fault}@{LATER.get(self.step, 1)}"}
        if self.point.startswith("recover.lost"):
            armed["executor-0"] = "run.started=kill"
        # Once or a few times in all, and each of the two may be the one that is there.
        if self.step in ("resume", "probe", "gate", "sightings") or self.point.startswith("recover.lost"):
            armed[f"{self.function}-1"] = armed[f"{self.function}-0"]
        return armed

    def __str__(self) -> str:
        return f"{self.point}={self.fault}"


@dataclass
class Outcome:
    """What became of a cell. ``happened``: the fault did."""

    cell: Cell
    happened: bool
    account: Account

    @property
    def good(self) -> bool:
        """Whether the fault happened and nothing was lost, doubled or left undone by it."""
        return self.happened and not self.account.faults


def cells() -> Iterator[Cell]:
    """Every point times every fault."""
    for point in POINTS:
        for fault in FAULTS:
            yield Cell(point, fault)


def run(server: Settings, cell: Cell, seed: int = 1) -> Outcome:
    """One cell, from the first schedule to the account."""
    with laboratory(server, Size(), seed, cell.armed) as lab:
        owner = new_owner(lab.services, lab.target.url)
        a_handful(owner, SCHEDULED_SECONDS)
        _prepare(lab, cell, owner)
        lab.start()
        lab.wait(f"{cell} to happen", 90.0, lambda: _happened(lab, cell))
        lab.broker.manners = Manners()
        probe = _probe(lab)
        lab.wait(f"everything to end after {cell}", PATIENCE, lambda: unfinished(lab, probe) == 0)
        return Outcome(cell, _happened(lab, cell), draw_up(lab, probe))


def _prepare(lab: Lab, cell: Cell, owner: Owner) -> None:
    """Have the point reached with something to do: messages are lost or dead, a pause ends, a breaker is open."""
    if cell.point.startswith("recover.resend"):
        lab.broker.manners = Manners(lose=1.0)
    elif cell.step == "drain":
        lab.broker.manners = Manners(lose=1.0, bury=True)
    elif cell.step == "release":
        a_crowd(new_owner(lab.services, lab.target.url), 30)
    elif cell.step == "resume":
        owner.paused(owner.single(), until=lab.services.clock.now() + timedelta(seconds=4))
    elif cell.step == "refresh":
        new_feed(lab.services, owner.user_id, f"{lab.target.url}/ok")
    elif cell.step in ("gate", "probe"):
        # Long after the last schedule has fired, or the next trigger to come would be the probe.
        seconds = 30 if cell.step == "probe" else 5
        tried_at = lab.services.clock.now() + timedelta(seconds=seconds)
        new_breaker(lab.services, owner.user_id, lab.target.url.removeprefix("http://"), probe_at=tried_at)


def _happened(lab: Lab, cell: Cell) -> bool:
    return any(cell.fault in ending.result.faults for ending in lab.endings if ending.function == cell.function)


def _probe(lab: Lab) -> datetime:
    """One more schedule, made after the fault: whatever it broke must work again. Answers when it is due."""
    due = (lab.services.clock.now() + timedelta(seconds=2)).replace(microsecond=0)
    owner = new_owner(lab.services, lab.target.url)
    owner.absolute(owner.single(), due)
    return due


def sample(seed: int) -> list[Cell]:
    """A few cells: each fault once at a point of the seed's choice, and the four kills that lose the most."""
    chosen = random.Random(seed)
    always = [
        Cell(point, "kill") for point in ("dispatch.committed", "claim.committed", "run.answered", "record.written")
    ]
    points = [point for point in POINTS if not point.startswith(("recover.", "drain."))]  # those wait for a minute
    return [*always, *(Cell(chosen.choice(points), fault) for fault in FAULTS)]


def run_all(server: Settings, wanted: Sequence[Cell], at_once: int, tell: Callable[[Outcome], None]) -> list[Outcome]:
    """Many cells, so many at once: they mostly wait."""
    with ThreadPoolExecutor(at_once) as pool:
        running = [pool.submit(_told, server, cell, tell) for cell in wanted]
        return [each.result() for each in running]


def _told(server: Settings, cell: Cell, tell: Callable[[Outcome], None]) -> Outcome:
    try:
        outcome = run(server, cell)
    except AssertionError as error:
        outcome = Outcome(cell, happened=False, account=Account(faults=[str(error)]))
    tell(outcome)
    return outcome
