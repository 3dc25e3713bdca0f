"""Plan: pending schedules get their first trigger and become ``processing``."""

import logging
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared import timetable
from shared.calendars import Calendar
from shared.failpoints import reach
from shared.schedule import ScheduleId, ScheduleType
from shared.services import Services
from shared.store import calendars, planning
from shared.store.planning import Occurrence
from shared.store.timings import timing as read_timing

log = logging.getLogger("cronny.plan")

BATCH = 1000


@dataclass(slots=True)
class _Plan:
    """What was decided about a batch of schedules."""

    occurrences: list[Occurrence] = field(default_factory=list)
    waiting: list[ScheduleId] = field(default_factory=list)
    exhausted: list[ScheduleId] = field(default_factory=list)
    unreadable: list[tuple[ScheduleId, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Planned:
    """What one batch did; ``more`` says whether another batch is worth a look."""

    planned: int
    settled: int
    more: bool


def plan(services: Services, now: datetime) -> Planned:
    """Plan one batch of pending schedules.

    One transaction: lock the schedules, insert their first triggers, mark them ``processing``. A crash before the
    COMMIT leaves them pending, for the next tick. Occurrences count from ``active_since`` and not from ``now``, so a
    creator that was away for an hour loses none of them.
    """
    with services.database.begin() as connection:
        pending = planning.lock_pending(connection, BATCH)
        if __debug__:
            reach("plan.locked", connection)
        relative = [row.id for row in pending if row.schedule_type == ScheduleType.RELATIVE]
        running = planning.with_unfinished(connection, relative) if relative else set()
        closed = calendars.of_schedules(connection, [row.id for row in pending])
        decided = _Plan()
        for row in pending:
            _decide(row, closed.get(row.id, ()), running, decided)
        going_on = [occurrence.schedule_id for occurrence in decided.occurrences] + decided.waiting
        planning.mark_processing(connection, going_on, exhausted=False)
        planning.put(connection, decided.occurrences)
        planning.mark_processing(connection, decided.exhausted, exhausted=True)
        for schedule_id, note in decided.unreadable:
            log.warning("schedule %s is switched off: %s", schedule_id, note)
            planning.switch_off(connection, schedule_id, note)
        settled = planning.settle(connection)
        if __debug__:
            reach("plan.written", connection)
    if __debug__:
        reach("plan.committed")
    return Planned(len(decided.occurrences), settled, len(pending) == BATCH)


def _decide(row: Any, closed: tuple[Calendar, ...], running: set[ScheduleId], decided: _Plan) -> None:
    try:
        due = timetable.first_due(read_timing(row, closed), row.active_since)
    except ValueError as error:
        decided.unreadable.append((row.id, f"Switched off: {error}"))
        return
    if row.id in running:
        # The end of the run that is still going on plans the next one; a second chain would double the rate.
        decided.waiting.append(row.id)
    elif due is None or (row.max_runs is not None and row.runs >= row.max_runs):
        decided.exhausted.append(row.id)
    else:
        decided.occurrences.append(Occurrence(row.id, due))
