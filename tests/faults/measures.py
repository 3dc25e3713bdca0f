"""What is promised about time, measured with everything else in good health: one fault at a time, again and again."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from shared.queue import decode
from shared.schedule import ScheduleId
from tests.faults.accounts import draw_up, unfinished
from tests.faults.campaign.recovery import Times
from tests.faults.lab.bench import Lab, Size, laboratory
from tests.faults.lab.server import Server, serving
from tests.faults.lab.target import Call
from tests.faults.workload import JOB_TIMEOUT, Owner, new_owner

KILLS = 10
RESTARTS = 10
AWAY_SECONDS = 60.0
# What README promises, in seconds.
NEXT_ATTEMPT_WITHIN = JOB_TIMEOUT + 20.0
FIRING_WITHIN = 5.0
SIZE = Size(executors=3, period=5.0, creator_seconds=20.0, executor_seconds=30.0)


@dataclass(frozen=True, slots=True)
class Measured:
    """A promise, and what was measured; ``limit`` in seconds, None where nothing is promised but that it ends."""

    what: str
    times: Times
    limit: float | None
    faults: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether it was kept each time."""
        kept = self.limit is None or (self.times.longest is not None and self.times.longest <= self.limit)
        return kept and self.times.number > 0 and not self.faults


def measure(tell: Callable[[str], None]) -> list[Measured]:
    """All three, one after the other."""
    found = []
    for one in (kills, restarts, outage):
        found.append(one())
        tell(str(found[-1]))
    return found


def kills(number: int = KILLS) -> Measured:
    """SIGKILL of an executor in the middle of a call, until the next call of the same occurrence begins."""
    seconds = []
    with serving() as server, _firing(server, "/slow/900", number=2) as (lab, until):
        for _ in range(number):
            call, at = _kill_in_the_middle(lab)
            seconds.append(_await(lab, "another attempt", partial(_next, lab, call)) - at)
        faults = _settled(lab, until(lab))
    return Measured("executor killed: next attempt begins", Times.of(seconds), NEXT_ATTEMPT_WITHIN, faults)


def restarts(number: int = RESTARTS) -> Measured:
    """PostgreSQL stopped in good order and killed by turns, from its return until the next call begins."""
    seconds = []
    with serving() as server, _firing(server, "/ok", number=5) as (lab, until):
        for position in range(number):
            time.sleep(4.0)
            back = server.restart(0.5) if position % 2 else server.crash(0.5)
            seconds.append(_await(lab, "firing again", partial(_first_after, lab, back)) - back)
        faults = _settled(lab, until(lab))
    return Measured("PostgreSQL back: firing again", Times.of(seconds), FIRING_WITHIN, faults)


def outage(away: float = AWAY_SECONDS) -> Measured:
    """The queue away for a minute, from its return until everything that was due meanwhile has ended."""
    with serving() as server, _firing(server, "/ok", number=10) as (lab, until):
        time.sleep(3.0)
        lab.broker.manners.away = True
        time.sleep(away)
        due = lab.services.clock.now()
        lab.broker.manners.away = False
        back = time.monotonic()
        lab.wait("the backlog to end", 300.0, lambda: unfinished(lab, due) == 0)
        drained = time.monotonic() - back
        faults = _settled(lab, until(lab))
    return Measured(f"queue away for {away:.0f} s: backlog ended", Times.of([drained]), None, faults)


@contextmanager
def _firing(server: Server, path: str, number: int) -> Iterator[tuple[Lab, Callable[[Lab], datetime]]]:
    """A laboratory in which so many schedules fire each second; the function ends them and answers when."""
    with laboratory(server.settings, SIZE, seed=1) as lab:
        owner = new_owner(lab.services, lab.target.url)
        schedules = [owner.recurring(owner.single(path), 1, None) for _ in range(number)]
        lab.start()
        lab.wait("the first calls", 60.0, lambda: len(lab.target.calls) > number)
        yield lab, lambda lab: _end(lab, owner, schedules)


def _end(lab: Lab, owner: Owner, schedules: Sequence[ScheduleId]) -> datetime:
    """Have the schedules end in two seconds, by writing it into their rows as if it had always been so."""
    until = (lab.services.clock.now() + timedelta(seconds=2)).replace(microsecond=0)
    for schedule_id in schedules:
        owner.end(schedule_id, until)
    return until


def _settled(lab: Lab, until: datetime) -> tuple[str, ...]:
    lab.wait("everything to end", 300.0, lambda: lab.services.clock.now() > until and unfinished(lab, until) == 0)
    return tuple(draw_up(lab, until).faults)


def _await(lab: Lab, what: str, look: Callable[[], float | None]) -> float:
    """The instant that ``look`` answers at last."""
    lab.wait(what, 60.0, lambda: look() is not None)
    found = look()
    assert found is not None
    return found


def _kill_in_the_middle(lab: Lab) -> tuple[Call, float]:
    """Kill an executor that waits for the target; answers the call that it made, and when it died."""
    until = time.monotonic() + 30.0
    while time.monotonic() < until:
        for sandbox in lab.executors:
            serving_now = sandbox.serving
            if serving_now is None:
                continue
            body = serving_now.event["Records"][0]["body"]
            going_on = [call for call in list(lab.target.calls)[-20:] if call.ended is None and _names(body, call)]
            if going_on and sandbox.kill():
                return going_on[0], time.monotonic()
        time.sleep(0.02)
    raise AssertionError("no executor was in the middle of a call")


def _names(body: str, call: Call) -> bool:
    return int(call.key.split("-")[1]) in (decode(body) or ())


def _next(lab: Lab, before: Call) -> float | None:
    later = (call.begun for call in lab.target.calls if call.key == before.key and call.begun > before.begun)
    return min(later, default=None)


def _first_after(lab: Lab, instant: float) -> float | None:
    return min((call.begun for call in lab.target.calls if call.begun > instant), default=None)
