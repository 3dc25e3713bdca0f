"""Breakers: a host that keeps failing is left alone for a while, user by user. The rules; pure.

closed --FAILURES_TO_OPEN in a row--> open --probe_at, one trigger tries--> half open --it answers--> closed
                                       `<------------------it fails, longer each time--'

A probe has until ``probe_at``. When that passes without a word from it (its executor died, its job was cancelled) the
next trigger may try.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from shared.outcome import FailureKind, Outcome
from shared.trigger import TriggerId
from shared.user import UserId

FAILURES_TO_OPEN = 5
# Real times: a clock of another speed does not make a sick host well any sooner.
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=10)
# So many triggers a second are let go once a host answers again: it must not fall over what it has missed.
DRAIN_PER_SECOND = 10
# Whatever becomes of a breaker, a held trigger looks again that long after the host should have been tried.
LOOK_AGAIN_AFTER = timedelta(minutes=5)

MAX_ERROR_CHARACTERS = 500
LET_GO = "Waited for {host}, which answers again; what has waited is sent on in turn."

# What says that the target is sick. Bad input, addresses that Cronny does not call and faults of ours say nothing.
SICK = frozenset((FailureKind.UNREACHABLE, FailureKind.NO_ANSWER, FailureKind.SERVER_ERROR, FailureKind.RATE_LIMITED))

# Whose breaker, and of which host:port.
HostKey = tuple[UserId, str]


class BreakerState(StrEnum):
    """Whether a host is called."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Breaker:
    """What is known of a host. ``failures`` are in a row; ``opens`` how often it opened without closing in between.

    ``opened_at`` is when it last left ``closed``. ``probe_at``: while open, from when on one trigger may try; while
    half open, until when ``probe_trigger_id``, which tries, may take.
    """

    user_id: UserId
    host: str
    state: BreakerState = BreakerState.CLOSED
    failures: int = 0
    last_error: str | None = None
    opens: int = 0
    opened_at: datetime | None = None
    probe_at: datetime | None = None
    probe_trigger_id: TriggerId | None = None

    @property
    def key(self) -> HostKey:
        """Whose, and of what."""
        return self.user_id, self.host

    @property
    def closed(self) -> bool:
        """Whether its host is called as if nothing had happened."""
        return self.state is BreakerState.CLOSED

    def may_probe(self, trigger_id: TriggerId, now: datetime) -> bool:
        """Whether this trigger may be the one that tries: nobody does, or it is the one that was chosen."""
        if self.closed or self.probe_at is None:
            return False
        return self.probe_at <= now or self.probe_trigger_id == trigger_id


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one job of a trigger saw of a host: an answer, or the ``error`` that says there was none.

    ``retry_after``: the seconds for which the host asked to be left alone.
    """

    user_id: UserId
    host: str
    trigger_id: TriggerId
    error: str | None = None
    retry_after: float | None = None

    @property
    def key(self) -> HostKey:
        """Whose host it was."""
        return self.user_id, self.host


def answered(outcome: Outcome) -> bool | None:
    """Whether the target answered; None when the outcome tells nothing about it. Any status below 500 but 429 does."""
    if outcome.failure in SICK:
        return False
    status = isinstance(outcome.output, Mapping) and "status" in outcome.output
    return True if outcome.ok or status else None


def after(breaker: Breaker, seen: Sighting, now: datetime, speed: float = 1.0) -> Breaker:
    """The breaker as a sighting leaves it; ``breaker`` itself when that changes nothing.

    While it is not closed only its probe counts: whatever else is heard was sent before it opened.
    """
    if not breaker.closed and breaker.probe_trigger_id != seen.trigger_id:
        return breaker
    if seen.error is None:
        return breaker if breaker.closed and not breaker.failures else close(breaker)
    failed = replace(breaker, failures=breaker.failures + 1, last_error=seen.error[:MAX_ERROR_CHARACTERS])
    if breaker.closed and failed.failures < FAILURES_TO_OPEN:
        return failed
    return replace(
        failed,
        state=BreakerState.OPEN,
        opens=breaker.opens + 1,
        opened_at=now if breaker.closed else breaker.opened_at,
        probe_at=now + pause(breaker.opens + 1, seen.retry_after) * speed,
        probe_trigger_id=None,
    )


def close(breaker: Breaker) -> Breaker:
    """The breaker of a host that answers."""
    return replace(breaker, state=BreakerState.CLOSED, failures=0, opens=0, probe_at=None, probe_trigger_id=None)


def pause(opens: int, retry_after: float | None = None) -> timedelta:
    """How long, in real time, a host is left alone when it has failed for so many pauses: doubling, up to a limit."""
    seconds = FIRST_PAUSE.total_seconds() * 2.0 ** min(opens - 1, 10)
    return min(timedelta(seconds=max(seconds, retry_after or 0)), LONGEST_PAUSE)


def waiting(breaker: Breaker, now: datetime) -> tuple[str, str]:
    """What the owner of a held trigger reads: the cause, and what follows."""
    cause = f"Waiting: {breaker.host} failed {breaker.failures} times in a row"
    if breaker.state is BreakerState.OPEN and breaker.probe_at is not None and breaker.probe_at > now:
        return cause, f"it is tried again at {breaker.probe_at:%H:%M:%S} UTC."
    return cause, "it is being tried again now."


def look_again_at(breaker: Breaker, now: datetime, speed: float = 1.0) -> datetime:
    """When a trigger that is held for this host looks again, should nobody let it go before."""
    return max(breaker.probe_at or now, now) + LOOK_AGAIN_AFTER * speed
