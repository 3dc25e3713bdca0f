"""Visit every state that can be reached, breadth first, so that the trace to whatever is wrong is a shortest one."""

from array import array
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

from tests.faults.model.creators import creators
from tests.faults.model.executors import executors
from tests.faults.model.properties import done, violation
from tests.faults.model.protocol import FAULTS, TIMERS, USER, Config, Rules, State, Step, first, world

RULES = Rules()
STUCK = "from here the work is never done, although nothing fails any more"
SLOW = "nothing has failed, and yet the work is only done when a timer makes up for something"


@dataclass(frozen=True, slots=True)
class Explored:
    """How many states and steps there were; ``wrong`` is empty, or says what a trace leads to."""

    states: int
    steps: int
    wrong: str = ""
    trace: tuple[Step, ...] = ()

    def __str__(self) -> str:
        lines = [f"{self.wrong or 'nothing is wrong'} ({self.states} states, {self.steps} steps)"]
        return "\n".join(
            [*lines, *(f"  {number:2} {label:48} {told(state)}" for number, (label, state) in enumerate(self.trace, 1))]
        )


def explore(config: Config, rules: Rules = RULES, limit: int = 2_000_000) -> Explored:
    """Everything that may happen; then the same without faults and timers. Stops at the first thing that is wrong."""
    found = _visit(config, rules, frozenset(), STUCK, limit)
    if found.wrong:
        return found
    prompt = _visit(config, rules, FAULTS | TIMERS, SLOW, limit)
    return prompt if prompt.wrong else found


def _visit(config: Config, rules: Rules, without: Collection[str], stuck: str, limit: int) -> Explored:
    """States that can be reached without some steps, and from each of them the end by what is bound to happen."""
    start = first(config)
    seen: dict[State, int] = {start: 0}
    states, came_from, by = [start], array("l", [-1]), [""]
    back: list[array[int]] = [array("l")]
    steps = 0
    waiting = deque([start])
    while waiting:
        state = waiting.popleft()
        here = seen[state]
        for label, after in (
            *world(config, rules, state),
            *creators(config, rules, state),
            *executors(config, rules, state),
        ):
            if label in without:
                continue
            steps += 1
            there = seen.get(after)
            if there is None:
                there = seen[after] = len(states)
                states.append(after)
                came_from.append(here)
                by.append(label)
                back.append(array("l"))
                wrong = violation(config, after)
                if wrong:
                    return Explored(len(states), steps, wrong, _trace(states, came_from, by, there))
                waiting.append(after)
                assert len(states) <= limit, f"{config.name} has more than {limit} states"
            if label not in FAULTS and label not in USER:
                back[there].append(here)
    lost = _first_without_end(states, back)
    if lost is not None:
        return Explored(len(states), steps, stuck, _trace(states, came_from, by, lost))
    return Explored(len(states), steps)


def _first_without_end(states: list[State], back: list["array[int]"]) -> int | None:
    """The first state from which no steps that are bound to happen lead to the end."""
    reached = bytearray(len(states))
    waiting = [index for index, state in enumerate(states) if done(state)]
    for index in waiting:
        reached[index] = 1
    while waiting:
        for before in back[waiting.pop()]:
            if not reached[before]:
                reached[before] = 1
                waiting.append(before)
    return next((index for index, good in enumerate(reached) if not good), None)


def _trace(states: list[State], came_from: "array[int]", by: list[str], index: int) -> tuple[Step, ...]:
    steps: list[Step] = []
    while index > 0:
        steps.append((by[index], states[index]))
        index = came_from[index]
    return tuple(reversed(steps))


def told(state: State) -> str:
    """A state in a line."""
    schedules = " ".join(f"{each.status}/{each.version}" for each in state.schedules)
    rows = " ".join(
        f"{row.schedule}.{row.occurrence}:{row.status}#{row.attempt}{row.lease[:1]}{'M' if row.marked else ''}"
        f"{f'x{row.calls}' if row.calls else ''}"
        for row in state.rows
    )
    doing = [f"{each.doing}{list(each.rows)}" for each in state.creators if each.doing]
    running = [
        f"claiming{list(each.claiming)}"
        if each.claiming
        else ",".join(f"{run.row}#{run.attempt}:{run.step}{'-lost' if run.lost else ''}" for run in each.runs)
        for each in state.executors
        if each.claiming or each.runs
    ]
    return f"{schedules} | {rows} | {list(state.messages)} | {doing} | {running}"
