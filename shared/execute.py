"""Execute: a pack of triggers is claimed, its jobs run side by side, and what they say is recorded in groups.

One thread per trigger walks the jobs of its action; only the calling thread talks to the database. A walk that overruns
its job's timeout is abandoned: the thread is left behind, and nothing that it says later counts.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from threading import Thread

from shared.action import ActionId, JobGraph
from shared.errors import Unavailable
from shared.job import JobId
from shared.outcome import JobExecution
from shared.record import Event, JobEnded, TriggerEnded, record
from shared.services import Services
from shared.store import executing, graphs
from shared.trigger import Claim, TriggerId, TriggerStatus
from shared.walk import Attempt, Progress, walk

# Between the end of a job's time and giving up on its thread: runners end by themselves, and say more than we could.
OVERRUN_SECONDS = 1.0
LOOK_EVERY_SECONDS = 0.25
# How often to look whether the next run of its schedule took the place of what runs here.
ASK_EVERY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Executed:
    """What became of a pack; ``taken`` were not this executor's to run or to end: doubled, cancelled, lost."""

    completed: int
    failed: int
    taken: int


@dataclass(slots=True)
class _Pack:
    """Claimed triggers that have not ended, and what their walks have said so far."""

    services: Services
    claimed_at: datetime
    speed: float
    lasts_until: float
    origin: float = field(default_factory=time.monotonic)
    running: dict[TriggerId, tuple[Claim, Progress]] = field(default_factory=dict)
    given_up: set[TriggerId] = field(default_factory=set)
    asked: float = field(default_factory=time.monotonic)
    said: SimpleQueue[Event] = field(default_factory=SimpleQueue)

    def now(self) -> datetime:
        """Counted on from the claim: threads must not ask the database for the time."""
        return self.claimed_at + timedelta(seconds=(time.monotonic() - self.origin) * self.speed)


def execute(services: Services, trigger_ids: Sequence[TriggerId], lasts_until: float) -> Executed:
    """Run a pack; ``lasts_until`` is an instant of ``time.monotonic()`` by which everything must be recorded.

    1. Claim by compare-and-set. A crash after this leaves leases, which run out; ``recover`` then tries again.
    2. Walk each trigger's jobs in a thread of its own.
    3. Record job executions and endings as they come. A crash before a COMMIT repeats the jobs it would have recorded.

    Raises ``Unavailable`` when the database is away for so long that the end of a run cannot be recorded.
    """
    now, speed = services.clock.now(), services.clock.speed
    with services.database.begin() as connection:
        claims = executing.claim(connection, trigger_ids, now, speed)
        loaded = graphs.graphs(connection, [claim.action_id for claim in claims if claim.action_id is not None])
        done = graphs.completed(connection, [claim.id for claim in claims if claim.attempt > 1])
    pack = _Pack(services, now, speed, lasts_until)
    for claim in claims:
        _start(pack, claim, loaded, done.get(claim.id, {}))
    endings = _follow(pack)
    statuses = list(endings.values())
    return Executed(
        completed=statuses.count(TriggerStatus.COMPLETED),
        failed=statuses.count(TriggerStatus.FAILED),
        taken=len(set(trigger_ids)) - len(statuses),
    )


def _start(
    pack: _Pack,
    claim: Claim,
    loaded: Mapping[ActionId, JobGraph | Exception],
    done: Mapping[JobId, JobExecution],
) -> None:
    graph = loaded.get(claim.action_id, JobGraph(())) if claim.action_id is not None else JobGraph(())
    progress = Progress()
    pack.running[claim.id] = (claim, progress)
    if isinstance(graph, Exception):
        pack.said.put(TriggerEnded(claim, TriggerStatus.FAILED, f"A job of the action cannot be read: {graph}"))
        return
    attempt = Attempt(
        graph=graph,
        trigger_id=claim.id,
        number=claim.attempt,
        idempotency_key=f"cronny-{claim.id}",
        context={
            "schedule": {"id": claim.schedule_id, "name": claim.schedule_name, "input": claim.schedule_input},
            "trigger": {"id": claim.id, "due_at": claim.due_at.isoformat(), "attempt": claim.attempt},
        },
        lasts_until=pack.lasts_until,
        done=done,
    )
    Thread(target=_walk, args=(pack, claim, attempt, progress), daemon=True, name=f"trigger-{claim.id}").start()


def _walk(pack: _Pack, claim: Claim, attempt: Attempt, progress: Progress) -> None:
    """What a trigger's thread does: it only ever talks to the queue of events."""

    def report(execution: JobExecution, next_timeout: int | None) -> None:
        pack.said.put(JobEnded(claim, execution, next_timeout))

    result = walk(attempt, pack.services.runners, pack.now, report, progress)
    if result is not None:
        pack.said.put(TriggerEnded(claim, TriggerStatus(result.status.value), result.reason))


def _follow(pack: _Pack) -> dict[TriggerId, TriggerStatus]:
    """Record what the walks say until each has ended; answers how those ended that were still ours."""
    endings: dict[TriggerId, TriggerStatus] = {}
    unwritten: list[Event] = []
    while pack.running:
        unwritten += _listen(pack) + _overdue(pack)
        try:
            lost = record(pack.services, unwritten, pack.now()) if unwritten else set()
        except Unavailable:
            if time.monotonic() > pack.lasts_until:
                raise
            continue
        lost |= _replaced(pack)
        for trigger_id in lost & pack.running.keys():
            pack.running.pop(trigger_id)[1].abandon()
        for event in unwritten:
            if isinstance(event, TriggerEnded) and event.claim.id in pack.running:
                del pack.running[event.claim.id]
                endings[event.claim.id] = event.status
        unwritten = []
    return endings


def _replaced(pack: _Pack) -> set[TriggerId]:
    """Triggers that were cancelled while they ran; asked for now and then, where a schedule does such things."""
    claims = [claim for claim, _ in pack.running.values() if claim.replaceable]
    if not claims or time.monotonic() < pack.asked + ASK_EVERY_SECONDS:
        return set()
    pack.asked = time.monotonic()
    try:
        with pack.services.database.begin() as connection:
            return {claim.id for claim in claims} - executing.standing(connection, claims)
    except Unavailable:
        return set()


def _listen(pack: _Pack) -> list[Event]:
    """What was said since the last time; waits a moment for the first word."""
    events: list[Event] = []
    try:
        events.append(pack.said.get(timeout=LOOK_EVERY_SECONDS))
        while True:
            events.append(pack.said.get_nowait())
    except Empty:
        return events


def _overdue(pack: _Pack) -> list[Event]:
    """Give up on walks whose job should have ended; its overrun is the last word of its trigger."""
    events: list[Event] = []
    for claim, progress in pack.running.values():
        step = None if claim.id in pack.given_up else progress.give_up(time.monotonic() - OVERRUN_SECONDS)
        if step is not None:
            pack.given_up.add(claim.id)
            execution = step.overrun(pack.now())
            reason = f"job {step.job.name} failed: {execution.outcome.error}"
            events += [JobEnded(claim, execution, None), TriggerEnded(claim, TriggerStatus.FAILED, reason)]
    return events
