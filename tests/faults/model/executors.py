"""What executors do: receive a pack, claim it, call the target of each of its rows, record how that ended."""

from collections.abc import Iterator
from dataclasses import replace

from tests.faults.model.creators import ended, held_rows
from tests.faults.model.protocol import (
    COMPLETED,
    EXECUTING,
    FAILED,
    IDLE_EXECUTOR,
    QUEUED,
    SCHEDULED,
    Config,
    Executor,
    Row,
    Rules,
    Run,
    State,
    Step,
    changed,
    put,
    with_executor,
)


def executors(config: Config, rules: Rules, state: State) -> Iterator[Step]:
    """Every step of every executor."""
    for executor in set(state.executors):
        if executor == IDLE_EXECUTOR:
            yield from _receive(config, rules, state)
            continue
        yield "an executor dies", with_executor(state, executor, IDLE_EXECUTOR)
        if executor.claiming:
            yield "an executor commits a claim", _claimed(rules, state, executor)
        held = held_rows(rules, state)
        for run in executor.runs:
            # Calling a target needs no row; everything else waits for whoever holds it.
            if run.row not in held or run.step == "marked" or (run.step == "claimed" and not config.at_most_once):
                yield from _run(config, rules, state, executor, run)


def _receive(config: Config, rules: Rules, state: State) -> Iterator[Step]:
    held = held_rows(rules, state)
    claimable = (QUEUED,) if rules.claims_only_queued else (QUEUED, EXECUTING)
    for message in state.messages:
        free = tuple(index for index in message if state.rows[index].status in claimable and index not in held)
        received = with_executor(state, IDLE_EXECUTOR, Executor(claiming=free))
        if not config.open_transactions and free:
            received = _claimed(rules, received, Executor(claiming=free))
        rest = tuple(other for other in state.messages if other != message)
        yield "an executor receives a message", received._replace(messages=rest)
        if free:
            yield "a message is doubled", received


def _claimed(rules: Rules, state: State, executor: Executor) -> State:
    runs = []
    for index in executor.claiming:
        row = state.rows[index]
        if changed(row, state.schedules[row.schedule]):
            state = state._replace(fault="an attempt began although its schedule was paused or edited")
        attempt = row.attempt + 1 if rules.claim_counts_attempts else 1
        claimed = row._replace(
            status=EXECUTING, attempt=attempt, lease="held" if rules.claim_takes_a_lease else "", resend=False
        )
        state = put(state, index, claimed)
        runs.append(Run(index, attempt))
    return with_executor(state, executor, Executor(runs=tuple(sorted(runs))))


def _run(config: Config, rules: Rules, state: State, executor: Executor, run: Run) -> Iterator[Step]:
    row = state.rows[run.row]
    mine = row.attempt == run.attempt and row.status == EXECUTING
    if run.step == "claimed" and config.at_most_once and rules.marks_before_sending:
        if mine:
            marked = put(state, run.row, row._replace(marked=True))
            yield (
                "an executor marks what it is about to send",
                _with(marked, executor, run, run._replace(step="marked")),
            )
        else:
            yield "an executor finds that its attempt is over", _with(state, executor, run, None)
    elif run.step in ("claimed", "marked"):
        called = put(state, run.row, row._replace(calls=min(row.calls + 1, 2)))
        yield "an executor calls the target", _with(called, executor, run, run._replace(step="called"))
    elif run.step == "called":
        yield from _finish(config, rules, state, executor, run, mine)
    else:
        yield "an executor plans the next run", _with(_after(config, rules, state, run), executor, run, None)


def _finish(config: Config, rules: Rules, state: State, executor: Executor, run: Run, mine: bool) -> Iterator[Step]:
    row = state.rows[run.row]
    if not mine and (rules.fence or row.status != EXECUTING):
        yield "an executor finds that its attempt is over", _with(state, executor, run, None)
        return
    if not mine:
        state = state._replace(fault="an attempt that was over wrote its outcome")
    after = None if rules.plans_successor_with_the_end else run._replace(step="ended")
    for status in (COMPLETED, FAILED) if config.may_fail else (COMPLETED,):
        yield (
            f"an executor records that it {status}",
            _with(_ended(config, rules, state, run, status), executor, run, after),
        )


def _ended(config: Config, rules: Rules, state: State, run: Run, status: str) -> State:
    row: Row = state.rows[run.row]
    # A job that may be sent once only has been sent: its failure is final.
    if status == FAILED and row.attempt < config.attempts and not config.at_most_once:
        return put(state, run.row, row._replace(status=SCHEDULED, lease="", marked=False))
    return ended(config, rules, put(state, run.row, row._replace(status=status, lease="", marked=False)), run.row)


def _after(config: Config, rules: Rules, state: State, run: Run) -> State:
    return ended(config, replace(rules, plans_successor_with_the_end=True), state, run.row)


def _with(state: State, executor: Executor, run: Run, now: Run | None) -> State:
    runs = [other for other in executor.runs if other != run] + ([now] if now is not None else [])
    return with_executor(state, executor, Executor(runs=tuple(sorted(runs))))
