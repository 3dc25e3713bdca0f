"""What must hold in every state that can be reached, and what it means that the work is done."""

from tests.faults.model.protocol import (
    CANCELLED,
    COMPLETED,
    EXECUTING,
    INACTIVE,
    PROCESSED,
    PROCESSING,
    SCHEDULED,
    UNFINISHED,
    Config,
    State,
)


def violation(config: Config, state: State) -> str:
    """What is wrong with a state, in a sentence; empty when nothing is."""
    return (
        state.fault
        or _decisions(state)
        or _successors(config, state)
        or _attempts(config, state)
        or _calls(config, state)
    )


def done(state: State) -> bool:
    """Whether everything was decided and has ended, and nothing is left to come."""
    return all(schedule.status in (PROCESSED, INACTIVE) for schedule in state.schedules) and not any(
        row.status in UNFINISHED for row in state.rows
    )


def _decisions(state: State) -> str:
    alive = [(row.schedule, row.occurrence) for row in state.rows if row.status != CANCELLED or row.attempt > 0]
    return "" if len(alive) == len(set(alive)) else "an occurrence was decided twice"


def _successors(config: Config, state: State) -> str:
    for index, schedule in enumerate(state.schedules):
        if schedule.status != PROCESSING or schedule.exhausted:
            continue
        mine = [row for row in state.rows if row.schedule == index]
        if config.kinds[index] == "relative":
            number = sum(row.status in UNFINISHED for row in mine)
        else:
            number = sum(row.status == SCHEDULED and row.attempt == 0 for row in mine)
        if number != 1:
            return f"an active {config.kinds[index]} schedule has {number} successors"
    return ""


def _attempts(config: Config, state: State) -> str:
    current: list[int] = []
    for executor in state.executors:
        for run in executor.runs:
            row = state.rows[run.row]
            mine = row.attempt == run.attempt and row.status == EXECUTING
            current += [run.row] if mine and run.step != "ended" else []
            if not mine and not run.lost and run.step != "ended":
                return "an attempt was taken away from an executor within its lease"
    if len(current) != len(set(current)):
        return "two executors hold the same attempt"
    return "there was an attempt too many" if any(row.attempt > config.attempts for row in state.rows) else ""


def _calls(config: Config, state: State) -> str:
    if config.at_most_once and any(row.calls > 1 for row in state.rows):
        return "what may be sent once only was sent again"
    return (
        "it is said to have completed and was never sent"
        if any(row.status == COMPLETED and not row.calls for row in state.rows)
        else ""
    )
