"""Gate: asked before a job calls its host, and told what became of the call. One for each pack of an executor.

Threads that walk ask; the thread that talks to the database answers them, and accounts for what was seen. Hosts that
are well cost one statement a pack, at its claim.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue

from shared import sightings
from shared.attempt import WalkResult
from shared.breaker import Breaker, HostKey, Sighting, answered, look_again_at, waiting
from shared.errors import CronnyError, Unavailable
from shared.failpoints import reach
from shared.outcome import JobExecution
from shared.progress import Step
from shared.record import Event, JobEnded
from shared.runners.hosts import host_of
from shared.services import Services
from shared.store import Connection, breakers, holding
from shared.trigger import Claim
from shared.user import UserId

log = logging.getLogger("cronny.gate")

# What was read of the breakers is believed for so many real seconds; a chain whose jobs took longer asks anew.
STALE_AFTER_SECONDS = 5.0
# Beyond the job's own time, for a probe: to begin, and to be accounted for.
PROBE_MARGIN = timedelta(seconds=15)


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A walk asks whether its trigger may call this host for so many seconds, and waits for the reply."""

    claim: Claim
    host: str
    seconds: float
    reply: SimpleQueue[WalkResult | None] = field(default_factory=SimpleQueue)

    @property
    def key(self) -> HostKey:
        """Whose host it is."""
        return self.claim.user_id, self.host


class Gate:
    """What a pack knows of its users' breakers that are not closed, or have failures.

    ``_known`` is replaced and never changed: threads read it while it is renewed.
    """

    def __init__(self, services: Services, users: Iterable[UserId], known: Mapping[HostKey, Breaker]) -> None:
        self._services = services
        self._users = sorted(set(users))
        self._known = known
        self._read_at = time.monotonic()
        self._questions: SimpleQueue[Question] = SimpleQueue()
        self._seen: list[Sighting] = []
        self._failed: set[HostKey] = set()
        self._going: dict[HostKey, int] = {}

    def admit(self, claim: Claim, wake: Callable[[], None]) -> Callable[[Step], WalkResult | None]:
        """For the walk of a trigger; ``wake`` makes the other thread look for a question."""
        return lambda step: self._ask(claim, step, wake)

    def answer(self, now: datetime) -> None:
        """Reply to what walks ask, by what the database says or, while it is away, by what was known before.

        A crash leaves a breaker half open whose probe says nothing; when its time is over another one follows.
        """
        questions = self._asked()
        granted: Sequence[Question] = ()
        if questions:
            try:
                granted = self._look(questions, now)
            except Unavailable as error:
                log.warning("what was known of breakers is believed for now: %s", error)
        for question in questions:
            free = question in granted or self._free(question.key)
            question.reply.put(None if free else self._wait(self._known[question.key], now))

    def account(self, events: Iterable[Event], now: datetime) -> None:
        """Write down what was seen of hosts, and let everything go that waited for one that answers again.

        While the database is away all of it is kept for the next call. A COMMIT whose answer is lost may count a
        failure twice.
        """
        for event in events:
            if isinstance(event, JobEnded):
                self._note(event.claim, event.execution)
        try:
            if self._seen:
                counted = sightings.count(self._services, self._seen, now)
                self._seen = []
                self._going |= {key: count for key, count in counted.let_go.items() if count >= holding.BATCH}
                self._learn({**self._known, **{breaker.key: breaker for breaker in counted.breakers}})
            for key, before in list(self._going.items()):
                self._let_go_on(key, before, now)
        except Unavailable as error:
            log.warning("%s sightings of hosts are kept for now: %s", len(self._seen), error)
        except CronnyError:
            log.exception("sightings of hosts cannot be written")
            self._seen, self._going = [], {}

    def pending(self, until: float) -> bool:
        """Whether something is not accounted for, and it is not yet ``until`` (of ``time.monotonic()``)."""
        return bool(self._seen or self._going) and time.monotonic() < until

    def _ask(self, claim: Claim, step: Step, wake: Callable[[], None]) -> WalkResult | None:
        fresh = time.monotonic() - self._read_at < STALE_AFTER_SECONDS
        if fresh and not self._known:
            return None
        host = host_of(step.job.job_type, step.input)
        if host is None or (fresh and self._free((claim.user_id, host))):
            return None
        question = Question(claim, host, max(step.deadline - time.monotonic(), 0.0))
        self._questions.put(question)
        wake()
        try:
            return question.reply.get(timeout=question.seconds)
        except Empty:
            # Nobody listens any more, and nobody records what becomes of this walk.
            return WalkResult.failed(f"there was no time to ask whether {host} may be called")

    def _asked(self) -> list[Question]:
        questions: list[Question] = []
        while not self._questions.empty():
            questions.append(self._questions.get())
        return sorted(questions, key=lambda question: question.key)

    def _note(self, claim: Claim, execution: JobExecution) -> None:
        """Remember a failure, or that a host answers that has failed."""
        ok = answered(execution.outcome)
        if ok is None or (ok and not self._known and not self._failed):
            return
        host = host_of(execution.job_type, execution.input)
        if host is None or (ok and (claim.user_id, host) not in {*self._known, *self._failed}):
            return
        error = None if ok else execution.outcome.error
        seen = Sighting(claim.user_id, host, claim.id, error, execution.outcome.retry_after)
        self._seen.append(seen)
        if not ok:
            self._failed.add(seen.key)

    def _free(self, key: HostKey) -> bool:
        breaker = self._known.get(key)
        return breaker is None or breaker.closed

    def _wait(self, breaker: Breaker, now: datetime) -> WalkResult:
        again = look_again_at(breaker, now, self._services.clock.speed)
        return WalkResult.wait(breaker.host, *waiting(breaker, now), again)

    def _look(self, questions: Sequence[Question], now: datetime) -> list[Question]:
        """Read the breakers anew, and make those who ask the probes of hosts that are to be tried."""
        granted: list[Question] = []
        with self._services.database.begin() as connection:
            known = breakers.of_users(connection, self._users)
            for question in questions:
                breaker = known.get(question.key)
                if breaker is None or not breaker.may_probe(question.claim.id, now):
                    continue
                until = now + (timedelta(seconds=question.seconds) + PROBE_MARGIN) * self._services.clock.speed
                taken = breakers.take_probe(connection, question.key, question.claim.id, until, now)
                if taken is not None:
                    known[question.key] = taken
                    granted.append(question)
            if __debug__:
                reach("gate.probe_written", connection)
        if __debug__:
            reach("gate.probe_taken")
        self._learn(known)
        self._read_at = time.monotonic()
        return granted

    def _learn(self, known: Mapping[HostKey, Breaker]) -> None:
        self._known = {key: breaker for key, breaker in known.items() if breaker.failures or not breaker.closed}
        self._failed &= self._known.keys()

    def _let_go_on(self, key: HostKey, before: int, now: datetime) -> None:
        count = sightings.let_go_on(self._services, key, before, now)
        if count < holding.BATCH:
            del self._going[key]
        else:
            self._going[key] = before + count


def open_gate(services: Services, connection: Connection, claims: Sequence[Claim]) -> Gate:
    """The gate of a pack that was just claimed."""
    users = {claim.user_id for claim in claims}
    return Gate(services, users, breakers.of_users(connection, users) if users else {})
