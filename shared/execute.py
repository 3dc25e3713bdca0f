"""Execute: a pack of triggers is claimed, its jobs run side by side, and what they say is recorded in groups.

One thread per trigger walks the jobs of its action; only the calling thread talks to the database. A walk that overruns
its job's timeout is abandoned: the thread is left behind, and nothing that it says later counts.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from threading import Thread

from shared.action import ActionId, JobGraph
from shared.attempt import lost, overrun
from shared.errors import Unavailable
from shared.failpoints import reach
from shared.gate import open_gate
from shared.hand_back import hand_back
from shared.job import Job
from shared.outcome import JobExecution
from shared.progress import Progress
from shared.record import (
    Event,
    JobEnded,
    JobSending,
    Recorded,
    TriggerEnded,
    ending,
    record,
    still_ours,
)
from shared.running import RECORD_SECONDS, Running, RunningPack
from shared.secret import Reveal
from shared.services import Services
from shared.stop import Stop
from shared.store import executing, graphs
from shared.store.graphs import Earlier
from shared.trigger import Claim, TriggerId, TriggerStatus
from shared.unsealing import sealed_secrets
from shared.walk import walk

# Between the end of a job's time and giving up on its thread: runners end by themselves, and say more than we could.
OVERRUN_SECONDS = 1.0
LOOK_EVERY_SECONDS = 0.25
# How often to look whether the next run of its schedule took the place of what runs here.
ASK_EVERY_SECONDS = 1.0
COVERED_SECONDS = executing.LEASE_MARGIN.total_seconds() - RECORD_SECONDS


@dataclass(frozen=True, slots=True)
class Executed:
    """What became of a pack; ``taken`` were not this executor's to run or to end: doubled, cancelled, lost."""

    completed: int
    failed: int
    taken: int
    put_back: int = 0


def execute(
    services: Services,
    trigger_ids: Sequence[TriggerId],
    lasts_until: float,
    asked_to_stop: Callable[[], bool] = lambda: False,
) -> Executed:
    """Run a pack; ``lasts_until`` is an instant of ``time.monotonic()`` by which everything must be recorded.

    1. Claim by compare-and-set. A crash after this leaves leases, which run out; ``recover`` then tries again.
    2. Walk each trigger's jobs in a thread of its own. A crash leaves the same; a job that was running may have been
       sent, and is sent again unless its ``delivery`` forbids it.
    3. Record job executions and endings as they come. A crash before a COMMIT repeats the jobs it would have recorded.

    Once ``asked_to_stop``, no job is begun, and what does not end within a moment is handed back.

    Raises ``Unavailable`` when the database is away for so long that the end of a run cannot be recorded.
    """
    # First, so that nothing is later by the executor's own time than by that of its leases.
    origin = time.monotonic()
    now, speed = services.clock.now(), services.clock.speed
    with services.database.begin() as connection:
        claims = executing.claim(connection, trigger_ids, now, speed)
        loaded = graphs.graphs(connection, [claim.action_id for claim in claims if claim.action_id is not None])
        earlier = graphs.earlier(connection, [claim.id for claim in claims if claim.attempt > 1])
        secrets = sealed_secrets(services, connection, claims, loaded, now)
        gate = open_gate(services, connection, claims)
        if __debug__:
            reach("claim.written", connection)
    if __debug__:
        reach("claim.committed")
    pack = RunningPack(services, now, speed, lasts_until, origin, gate, Stop(asked_to_stop))
    for claim in claims:
        _start(pack, claim, loaded, earlier.get(claim.id, Earlier()), secrets.of(claim.user_id))
    try:
        statuses = list(_follow(pack).values())
    finally:
        for left in pack.running.values():
            left.progress.abandon()
    if __debug__:
        reach("execute.ended")
    return Executed(
        completed=statuses.count(TriggerStatus.COMPLETED),
        failed=statuses.count(TriggerStatus.FAILED),
        taken=len(set(trigger_ids)) - len(statuses),
        put_back=statuses.count(TriggerStatus.SCHEDULED),
    )


def _start(
    pack: RunningPack,
    claim: Claim,
    loaded: Mapping[ActionId, JobGraph | Exception],
    earlier: Earlier,
    reveal: Reveal,
) -> None:
    graph = loaded.get(claim.action_id, JobGraph(())) if claim.action_id is not None else JobGraph(())
    readable = graph if isinstance(graph, JobGraph) else JobGraph(())
    _say_lost(pack, claim, readable, earlier)
    attempt = replace(pack.attempt(claim, readable, earlier), reveal=reveal)
    running = Running(claim, attempt, Progress(pack.covered_until(claim), pack.stop.asked))
    pack.running[claim.id] = running
    if isinstance(graph, Exception):
        reason = f"A job of the action cannot be read: {graph}"
        pack.said.put([TriggerEnded(claim, TriggerStatus.FAILED, reason)])
        return
    Thread(target=_walk, args=(pack, running), daemon=True, name=f"trigger-{claim.id}").start()


def _say_lost(pack: RunningPack, claim: Claim, graph: JobGraph, earlier: Earlier) -> None:
    """Record first of all that a job may have been sent with the executor before: the mark goes with any record."""
    if claim.sending_job_id is not None and (sending := graph.find(claim.sending_job_id)) is not None:
        earlier.done[sending.id] = lost(sending, pack.now())
        longest = max(job.job_timeout_in_secs for job in graph.jobs)
        pack.said.put([JobEnded(claim, earlier.done[sending.id], longest)])


def _walk(pack: RunningPack, running: Running) -> None:
    """What a trigger's thread does: it only ever talks to the queue of events."""
    claim = running.claim
    last: list[Event] = []

    def report(execution: JobExecution, next_timeout: int | None) -> None:
        ended = JobEnded(claim, execution, next_timeout)
        # The last job is recorded together with what follows from it.
        if next_timeout is None:
            last.append(ended)
        else:
            pack.said.put([ended])

    def announce(job: Job, deadline: float) -> bool:
        written: SimpleQueue[bool] = SimpleQueue()
        pack.said.put([JobSending(claim, job.id, job.job_timeout_in_secs, written)])
        try:
            return written.get(timeout=max(deadline - time.monotonic(), 0))
        except Empty:
            return False

    admit = pack.gate.admit(claim, lambda: pack.said.put([]))
    result = walk(running.attempt, pack.services.runners, pack.now, report, running.progress, announce, admit)
    if result is not None:
        pack.said.put([*last, ending(claim, result)])


def _follow(pack: RunningPack) -> dict[TriggerId, TriggerStatus]:
    """Record what the walks say until each has ended; answers what became of those that were still ours."""
    over: dict[TriggerId, TriggerStatus] = {}
    unwritten: list[Event] = []
    while pack.running or pack.gate.pending(pack.lasts_until):
        unwritten += _listen(pack) + _overdue(pack) + hand_back(pack)
        _leave_replaced(pack)
        pack.gate.answer(pack.now())
        recorded_at = time.monotonic()
        try:
            recorded = record(pack.services, unwritten, pack.now()) if unwritten else Recorded()
        except Unavailable:
            if time.monotonic() > min(pack.lasts_until, pack.stop.gives_up_at):
                raise
            continue
        for trigger_id in recorded.lost & pack.running.keys():
            pack.running.pop(trigger_id).progress.abandon()
        for trigger_id in recorded.over.keys() & pack.running.keys():
            over[trigger_id] = recorded.over[trigger_id]
            del pack.running[trigger_id]
        for event in unwritten:
            _let_go_on(pack, event, recorded_at)
        pack.gate.account(unwritten, pack.now())
        unwritten = []
    return over


def _let_go_on(pack: RunningPack, event: Event, recorded_at: float) -> None:
    """Tell a walk that what it said is durable, and how far its lease reaches now."""
    running = pack.running.get(event.claim.id)
    if running and isinstance(event, JobEnded | JobSending):
        running.progress.cover(recorded_at + (event.next_timeout or 0) + COVERED_SECONDS)
    if isinstance(event, JobSending):
        event.written.put(running is not None)


def _leave_replaced(pack: RunningPack) -> None:
    """Leave triggers that were cancelled while they ran; asked for now and then, where a schedule does such things."""
    claims = [running.claim for running in pack.running.values() if running.claim.replaceable]
    if claims and time.monotonic() >= pack.asked + ASK_EVERY_SECONDS:
        pack.asked = time.monotonic()
        for trigger_id in {claim.id for claim in claims} - still_ours(pack.services, claims):
            pack.running.pop(trigger_id).progress.abandon()


def _listen(pack: RunningPack) -> list[Event]:
    """What was said since the last time; waits a moment for the first word."""
    events: list[Event] = []
    try:
        events += pack.said.get(timeout=LOOK_EVERY_SECONDS)
        while True:
            events += pack.said.get_nowait()
    except Empty:
        return events


def _overdue(pack: RunningPack) -> list[Event]:
    """Give up on walks whose job should have ended; its overrun is the last word of this attempt."""
    events: list[Event] = []
    for trigger_id, running in pack.running.items():
        overdue_at = time.monotonic() - OVERRUN_SECONDS
        step = None if trigger_id in pack.given_up else running.progress.give_up(overdue_at)
        if step is not None:
            pack.given_up.add(trigger_id)
            execution, result = overrun(running.attempt, step, pack.now())
            events += [JobEnded(running.claim, execution, None), ending(running.claim, result)]
    return events
