"""What creators do: plan, dispatch, send, send again, recover. Each transaction begins and commits, or dies."""

from collections.abc import Iterator

from tests.faults.model.protocol import (
    CANCELLED,
    EXECUTING,
    FAILED,
    IDLE_CREATOR,
    PENDING,
    PROCESSING,
    QUEUED,
    SCHEDULED,
    UNFINISHED,
    Config,
    Creator,
    Row,
    Rules,
    State,
    Step,
    changed,
    put,
    put_schedule,
    with_creator,
)


def creators(config: Config, rules: Rules, state: State) -> Iterator[Step]:
    """Every step of every creator."""
    for creator in set(state.creators):
        if creator == IDLE_CREATOR and config.open_transactions:
            yield from ((label, with_creator(state, creator, begun)) for label, begun in _begin(rules, state))
        elif creator == IDLE_CREATOR:
            for _, begun in _begin(rules, state):
                yield from _go_on(config, rules, with_creator(state, creator, begun), begun)
        else:
            yield "a creator dies", with_creator(state, creator, IDLE_CREATOR)
            yield from _go_on(config, rules, state, creator)


def held_rows(rules: Rules, state: State) -> set[int]:
    """Rows that an open transaction holds."""
    if not rules.locks:
        return set()
    holders = [creator for creator in state.creators if creator.doing in ("dispatch", "late", "resend", "recover")]
    held = {row for creator in holders for row in creator.rows}
    return held | {row for executor in state.executors for row in executor.claiming}


def held_schedules(rules: Rules, state: State) -> set[int]:
    """Schedules that an open transaction holds: by themselves to be planned, or with their rows."""
    if not rules.locks:
        return set()
    planned = {index for creator in state.creators if creator.doing == "plan" for index in creator.rows}
    both = [creator for creator in state.creators if creator.doing in ("dispatch", "late", "recover")]
    return planned | {state.rows[row].schedule for creator in both for row in creator.rows}


def _begin(rules: Rules, state: State) -> Iterator[tuple[str, Creator]]:
    rows, schedules = held_rows(rules, state), held_schedules(rules, state)
    for index, schedule in enumerate(state.schedules):
        if schedule.status == PENDING and index not in schedules:
            yield "a creator begins to plan", Creator("plan", (index,))
    due = tuple(
        index
        for index, row in enumerate(state.rows)
        if row.status == SCHEDULED
        and (row.attempt > 0 or row.occurrence < state.schedules[row.schedule].due)
        and index not in rows
        and row.schedule not in schedules
    )
    if due:
        yield "a creator begins to dispatch", Creator("dispatch", due)
    for index, row in enumerate(state.rows):
        if index in rows:
            continue
        if row.status == QUEUED and row.resend:
            yield "a creator begins to send again", Creator("resend", (index,))
        lost = row.status == EXECUTING and (row.lease == "over" or not rules.recovers_only_lost)
        if lost and row.schedule not in schedules:
            yield "a creator begins to recover", Creator("recover", (index,))


def _go_on(config: Config, rules: Rules, state: State, creator: Creator) -> Iterator[Step]:
    if creator.doing == "plan":
        for planned in _planned(config, rules, state, creator.rows[0]):
            yield "a creator commits a plan", with_creator(planned, creator, IDLE_CREATOR)
    elif creator.doing == "dispatch":
        if rules.sends_after_commit:
            dispatched = _dispatched(config, rules, state, creator.rows)
            yield "a creator commits a dispatch", with_creator(dispatched, creator, Creator("send", creator.rows))
        else:
            yield "a creator sends", with_creator(_sent(state, creator.rows), creator, Creator("late", creator.rows))
    elif creator.doing == "late":
        dispatched = _dispatched(config, rules, state, creator.rows)
        yield "a creator commits a dispatch", with_creator(dispatched, creator, IDLE_CREATOR)
    elif creator.doing == "resend":
        index = creator.rows[0]
        again = put(state, index, state.rows[index]._replace(resend=rules.resends_again))
        yield "a creator commits to send again", with_creator(again, creator, Creator("send", creator.rows))
    elif creator.doing == "recover":
        recovered = _recovered(config, rules, state, creator.rows[0])
        yield "a creator commits a recovery", with_creator(recovered, creator, IDLE_CREATOR)
    else:
        yield "a creator sends", with_creator(_sent(state, creator.rows), creator, IDLE_CREATOR)


def _sent(state: State, rows: tuple[int, ...]) -> State:
    return state._replace(messages=tuple(sorted({*state.messages, rows})))


def _planned(config: Config, rules: Rules, state: State, index: int) -> Iterator[State]:
    """A first occurrence: the next one, or by a clock that lags behind the creator's the one that is due just now."""
    kind, schedule = config.kinds[index], state.schedules[index]
    if kind == "relative":
        yield following(config, rules, put_schedule(state, index, schedule._replace(status=PROCESSING)), index)
        return
    for since in {max(schedule.due - 1, 0), schedule.due}:
        occurrence = 0 if kind == "absolute" else since
        yield occurs(config, rules, put_schedule(state, index, schedule._replace(status=PROCESSING)), index, occurrence)


def occurs(config: Config, rules: Rules, state: State, index: int, occurrence: int) -> State:
    """Put an occurrence on the timetable; one that was decided already is passed over, a cancelled one comes back."""
    schedule = state.schedules[index]
    number = 1 if config.kinds[index] == "absolute" else config.occurrences
    if occurrence >= number:
        return put_schedule(state, index, schedule._replace(exhausted=True))
    new = Row(index, occurrence, schedule.version)
    for position, row in enumerate(state.rows):
        if rules.unique and (row.schedule, row.occurrence) == (index, occurrence):
            if row.status == CANCELLED and row.attempt == 0:
                return put(state, position, new)
            return occurs(config, rules, state, index, occurrence + 1)
    return state._replace(rows=(*state.rows, new))


def following(config: Config, rules: Rules, state: State, index: int) -> State:
    """The next run of a relative schedule, unless it has one that has not ended or does not want another."""
    mine = [row for row in state.rows if row.schedule == index]
    if state.schedules[index].status != PROCESSING or any(row.status in UNFINISHED for row in mine):
        return state
    return occurs(config, rules, state, index, max((row.occurrence + 1 for row in mine), default=0))


def _dispatched(config: Config, rules: Rules, state: State, rows: tuple[int, ...]) -> State:
    for index in rows:
        row = state.rows[index]
        state = put(state, index, row._replace(status=QUEUED, resend=True))
        if row.attempt == 0:
            state = _moved_on(config, rules, state, row)
    return state


def _moved_on(config: Config, rules: Rules, state: State, row: Row) -> State:
    """The successor is planned when its predecessor is decided, whatever becomes of that one."""
    if config.kinds[row.schedule] == "relative" or not rules.plans_successor_when_dispatched:
        return state
    return occurs(config, rules, state, row.schedule, row.occurrence + 1)


def _recovered(config: Config, rules: Rules, state: State, index: int) -> State:
    row = state.rows[index]
    over = (
        (rules.recovers_only_unchanged and changed(row, state.schedules[row.schedule]))
        or (row.marked and rules.never_repeats_what_was_marked)
        or (row.attempt >= config.attempts and rules.gives_up)
    )
    if not over:
        return put(state, index, row._replace(status=SCHEDULED, lease="", marked=False))
    return ended(config, rules, put(state, index, row._replace(status=FAILED, lease="")), index)


def ended(config: Config, rules: Rules, state: State, index: int) -> State:
    """What follows the end of a run, in the transaction that ends it."""
    schedule = state.rows[index].schedule
    if config.kinds[schedule] == "relative" and rules.plans_successor_with_the_end:
        return following(config, rules, state, schedule)
    if config.kinds[schedule] == "recurring" and not rules.plans_successor_when_dispatched:
        return occurs(config, rules, state, schedule, state.rows[index].occurrence + 1)
    return state
