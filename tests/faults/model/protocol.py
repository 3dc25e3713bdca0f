"""The protocol of Cronny, reduced to what decides: rows, messages, and who is at which step.

Time is not counted. A lease may run out and a message may be sent again at any moment, so every lateness of anybody is
among the cases: an executor whose lease ran out goes on as if nothing had happened. Whoever holds a row in an open
transaction keeps the others from it; what a transaction writes is seen when it commits. A crash is a step like any
other, at any point, and undoes an open transaction.

A message that was doubled is one that stays when it is received, a delayed one is received late, a lost one vanishes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

SCHEDULED, QUEUED, EXECUTING = "scheduled", "queued", "executing"
COMPLETED, FAILED, CANCELLED = "completed", "failed", "cancelled"
PENDING, PROCESSING, PROCESSED, INACTIVE = "pending", "processing", "processed", "inactive"
UNFINISHED = (SCHEDULED, QUEUED, EXECUTING)


@dataclass(frozen=True, slots=True)
class Config:
    """How large a world is. ``user`` lists what the user does to the first schedule, in order, whenever she likes.

    Without ``open_transactions`` each of them is one step. While everybody observes locks, nothing is left out by that:
    to die within a transaction is not to have begun, and who skips a row that is held might as well have come later.
    """

    name: str
    kinds: tuple[str, ...] = ("recurring",)
    occurrences: int = 2
    creators: int = 1
    executors: int = 1
    attempts: int = 2
    user: tuple[str, ...] = ()
    at_most_once: bool = False
    may_fail: bool = False
    open_transactions: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """What the protocol observes; a mutant breaks one of them."""

    locks: bool = True
    unique: bool = True
    sends_after_commit: bool = True
    resends_again: bool = True
    plans_successor_when_dispatched: bool = True
    plans_successor_with_the_end: bool = True
    claims_only_queued: bool = True
    claim_takes_a_lease: bool = True
    claim_counts_attempts: bool = True
    fence: bool = True
    recovers_only_lost: bool = True
    recovers_only_unchanged: bool = True
    gives_up: bool = True
    cancels_what_is_planned: bool = True
    marks_before_sending: bool = True
    never_repeats_what_was_marked: bool = True


class Row(NamedTuple):
    """A trigger. ``lease``: held, over, or none; ``calls`` is what its target saw, up to 2."""

    schedule: int
    occurrence: int
    version: int = 0
    status: str = SCHEDULED
    attempt: int = 0
    lease: str = ""
    resend: bool = False
    marked: bool = False
    calls: int = 0


class Schedule(NamedTuple):
    """``due``: so many of its occurrences are due by now. ``exhausted``: nothing follows what is planned."""

    status: str = PENDING
    version: int = 0
    due: int = 0
    exhausted: bool = False


class Run(NamedTuple):
    """An attempt in an executor. ``step``: claimed, marked, called. ``lost``: its lease has run out."""

    row: int
    attempt: int
    step: str = "claimed"
    lost: bool = False


class Creator(NamedTuple):
    """``doing`` plan, dispatch, resend, recover within a transaction that holds ``rows``; or send, after it."""

    doing: str = ""
    rows: tuple[int, ...] = ()


class Executor(NamedTuple):
    """``claiming``: a pack, in an open transaction. ``runs``: what it has claimed."""

    claiming: tuple[int, ...] = ()
    runs: tuple[Run, ...] = ()


class State(NamedTuple):
    """Everything there is. ``fault`` says what a step did that no step may do."""

    schedules: tuple[Schedule, ...]
    rows: tuple[Row, ...]
    messages: tuple[tuple[int, ...], ...]
    creators: tuple[Creator, ...]
    executors: tuple[Executor, ...]
    user: int = 0
    fault: str = ""


IDLE_CREATOR, IDLE_EXECUTOR = Creator(), Executor()
Step = tuple[str, State]
# Steps by which something fails; all others happen by themselves sooner or later.
FAULTS = frozenset({"a creator dies", "an executor dies", "a message is lost", "a message is doubled"})
# Steps that only make up for a fault.
TIMERS = frozenset({"a lease runs out", "a creator begins to send again", "a creator commits to send again"})
USER = frozenset({"the user pauses", "the user resumes", "the user edits"})


def first(config: Config) -> State:
    """Schedules that were just made, and idle workers."""
    return State(
        schedules=tuple(Schedule() for _ in config.kinds),
        rows=(),
        messages=(),
        creators=(IDLE_CREATOR,) * config.creators,
        executors=(IDLE_EXECUTOR,) * config.executors,
    )


def put(state: State, index: int, row: Row) -> State:
    """The state with another row at this index."""
    return state._replace(rows=(*state.rows[:index], row, *state.rows[index + 1 :]))


def put_schedule(state: State, index: int, schedule: Schedule) -> State:
    """The state with another schedule at this index."""
    return state._replace(schedules=(*state.schedules[:index], schedule, *state.schedules[index + 1 :]))


def with_creator(state: State, was: Creator, now: Creator) -> State:
    """One of the creators does something else; which of them it was makes no difference."""
    rest = list(state.creators)
    rest[rest.index(was)] = now
    return state._replace(creators=tuple(sorted(rest)))


def with_executor(state: State, was: Executor, now: Executor) -> State:
    """The same for executors."""
    rest = list(state.executors)
    rest[rest.index(was)] = now
    return state._replace(executors=tuple(sorted(rest)))


def changed(row: Row, schedule: Schedule) -> bool:
    """Whether the schedule no longer wants this row."""
    return schedule.status == INACTIVE or schedule.version != row.version


def world(config: Config, rules: Rules, state: State) -> Iterator[Step]:
    """What happens by itself: occurrences become due, leases run out, messages get lost, and the user."""
    for index, schedule in enumerate(state.schedules):
        if schedule.due < config.occurrences:
            yield "an occurrence becomes due", put_schedule(state, index, schedule._replace(due=schedule.due + 1))
        if (
            schedule.status == PROCESSING
            and schedule.exhausted
            and not any(row.schedule == index and row.status in UNFINISHED for row in state.rows)
        ):
            yield "a schedule is done", put_schedule(state, index, schedule._replace(status=PROCESSED))
    for index, row in enumerate(state.rows):
        if row.status == EXECUTING and row.lease == "held":
            yield "a lease runs out", _lapse(state, index, row)
    for message in state.messages:
        rest = tuple(other for other in state.messages if other != message)
        yield "a message is lost", state._replace(messages=rest)
    if state.user < len(config.user):
        yield from _user(config, rules, state, config.user[state.user])


def _lapse(state: State, index: int, row: Row) -> State:
    executors = []
    for executor in state.executors:
        runs = [
            run._replace(lost=True) if run.row == index and run.attempt == row.attempt else run for run in executor.runs
        ]
        executors.append(executor._replace(runs=tuple(sorted(runs))))
    return put(state, index, row._replace(lease="over"))._replace(executors=tuple(sorted(executors)))


def _user(config: Config, rules: Rules, state: State, wish: str) -> Iterator[Step]:
    """Her transactions wait for whoever holds the schedule or one of its rows, and are done in one go."""
    schedule = state.schedules[0]
    held = any(creator.doing not in ("", "send") for creator in state.creators)
    held = held or any(executor.claiming for executor in state.executors)
    if held and rules.locks:
        return
    state = state._replace(user=state.user + 1)
    if wish == "resume" and schedule.status in (INACTIVE, PROCESSED):
        yield "the user resumes", put_schedule(state, 0, schedule._replace(status=PENDING, exhausted=False))
    if wish == "pause" and schedule.status != INACTIVE:
        yield "the user pauses", _cancel(rules, put_schedule(state, 0, schedule._replace(status=INACTIVE)))
    if wish == "edit" and schedule.status != INACTIVE:
        edited = schedule._replace(status=PENDING, version=schedule.version + 1, exhausted=False)
        yield "the user edits", _cancel(rules, put_schedule(state, 0, edited))


def _cancel(rules: Rules, state: State) -> State:
    if not rules.cancels_what_is_planned:
        return state
    rows = [
        row._replace(status=CANCELLED, resend=False) if row.schedule == 0 and row.status in (SCHEDULED, QUEUED) else row
        for row in state.rows
    ]
    return state._replace(rows=tuple(rows))
