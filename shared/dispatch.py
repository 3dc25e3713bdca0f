"""Dispatch: due triggers leave the timetable for the queue, and the next ones of their schedules take their place."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared import timetable
from shared.calendars import Calendar
from shared.errors import Unavailable
from shared.failpoints import reach
from shared.packs import Sendable, form_packs
from shared.schedule import ScheduleId, ScheduleType, Timing
from shared.services import Services
from shared.store import calendars, dispatching, planning
from shared.store.planning import Occurrence
from shared.store.timings import timing as read_timing
from shared.trigger import TriggerId, TriggerKind

log = logging.getLogger("cronny.dispatch")

BATCH = 1000
# After an outage every occurrence of the last minutes still runs, and always the latest one; what is older than that
# and has a successor due as well is written down as skipped. Real minutes: what is late in fast time was not away.
CATCH_UP_WINDOW = timedelta(minutes=5)
MISSED = "Missed: Cronny was not running at the time, and a later occurrence was due as well."


@dataclass(frozen=True, slots=True)
class Dispatched:
    """What one batch did; ``more`` says whether another batch is worth a look."""

    queued: int
    skipped: int
    more: bool


@dataclass(slots=True)
class _Decisions:
    """What was decided about a batch of due triggers."""

    now: datetime
    too_late: datetime
    queued: list[Sendable] = field(default_factory=list)
    skipped: list[tuple[TriggerId, str]] = field(default_factory=list)
    missed: list[tuple[ScheduleId, datetime, str]] = field(default_factory=list)
    following: list[Occurrence] = field(default_factory=list)
    exhausted: list[ScheduleId] = field(default_factory=list)
    counted: list[ScheduleId] = field(default_factory=list)
    unreadable: list[tuple[ScheduleId, str]] = field(default_factory=list)


def dispatch(services: Services, now: datetime) -> Dispatched:
    """Dispatch one batch of due triggers.

    1. Lock due triggers and their schedules, skipping what others hold.
    2. Decide each; mark it queued or skipped; insert the next trigger of its schedule. COMMIT.
       A crash before this changes nothing.
    3. Send. A crash before or during this leaves queued triggers that nobody claims; ``recover`` sends them again.

    Due times come from planned times, so neither a backlog nor a late tick moves a timetable.
    """
    speed = services.clock.speed
    decisions = _Decisions(now, too_late=now - CATCH_UP_WINDOW * speed)
    with services.database.begin() as connection:
        due = dispatching.lock_due(connection, now, BATCH)
        if __debug__:
            reach("dispatch.locked", connection)
        closed = calendars.of_schedules(connection, list({row.schedule_id for row in due}))
        for row in due:
            _decide(row, closed.get(row.schedule_id, ()), decisions)
        dispatching.mark_queued(connection, [item.id for item in decisions.queued], now, speed)
        dispatching.mark_skipped(connection, decisions.skipped, now)
        dispatching.record_missed(connection, decisions.missed, now)
        dispatching.count_runs(connection, decisions.counted)
        planning.put(connection, decisions.following)
        planning.mark_processing(connection, decisions.exhausted, exhausted=True)
        for schedule_id, note in decisions.unreadable:
            planning.switch_off(connection, schedule_id, note)
        if __debug__:
            reach("dispatch.written", connection)
    if __debug__:
        reach("dispatch.committed")
    send(services, decisions.queued, now)
    behind = any(occurrence.due_at <= now for occurrence in decisions.following)
    skipped = len(decisions.skipped) + len(decisions.missed)
    return Dispatched(len(decisions.queued), skipped, more=behind or len(due) == BATCH)


def send(services: Services, due: Sequence[Sendable], now: datetime) -> None:
    """Send triggers that are marked queued; when the queue is away they are offered again in a few seconds."""
    try:
        services.queue.send(form_packs(due))
        if __debug__:
            reach("send.sent")
    except Unavailable as error:
        log.warning("%s triggers stay unsent for now: %s", len(due), error)
        speed = services.clock.speed
        with services.database.begin() as connection:
            dispatching.postpone(connection, [item.id for item in due], now, speed)


def _decide(row: Any, closed: tuple[Calendar, ...], decisions: _Decisions) -> None:
    # Another attempt: its schedule moved on with the first one. A run that was asked for never moves it.
    if row.attempt > 0 or row.kind != TriggerKind.PLANNED:
        decisions.queued.append(Sendable(row.id, row.user_id, row.alone))
        return
    try:
        timing = read_timing(row, closed)
        why = timetable.excluded(timing, row.due_at)
        following = _following(row, timing, why, decisions)
    except ValueError as error:
        decisions.unreadable.append((row.schedule_id, f"Switched off: {error}"))
        decisions.skipped.append((row.id, f"Its schedule was switched off: {error}"))
        return
    if why is None and following is not None and _missed(row.due_at, following, decisions):
        why = MISSED
    if why is not None:
        decisions.skipped.append((row.id, why))
        following = _skip_on(row.schedule_id, timing, following, decisions)
    else:
        decisions.queued.append(Sendable(row.id, row.user_id, row.alone))
        if row.max_runs is not None:
            decisions.counted.append(row.schedule_id)
    if following is not None:
        decisions.following.append(Occurrence(row.schedule_id, following))


def _following(row: Any, timing: Timing, excluded: str | None, decisions: _Decisions) -> datetime | None:
    """The due time after this one; a schedule that has none is noted as exhausted, a relative one that runs as waiting.

    What a calendar excludes is no run.
    """
    last_run = excluded is None and row.max_runs is not None and row.runs + 1 >= row.max_runs
    following = None if last_run else timetable.following_due(timing, row.due_at)
    waits = timing.schedule_type is ScheduleType.RELATIVE and excluded is None
    if following is None and (last_run or not waits):
        decisions.exhausted.append(row.schedule_id)
    return following


def _skip_on(
    schedule_id: ScheduleId, timing: Timing, following: datetime | None, decisions: _Decisions
) -> datetime | None:
    """Write down what was missed or excluded after this trigger, a batch at most; answers where to go on from.

    Nothing is decided before it is due: a calendar may be edited until then.
    """
    for _ in range(BATCH):
        if following is None or following > decisions.now:
            break
        later = timetable.following_due(timing, following)
        why = timetable.excluded(timing, following)
        if why is None and not (later is not None and _missed(following, later, decisions)):
            break
        decisions.missed.append((schedule_id, following, why or MISSED))
        if later is None:
            decisions.exhausted.append(schedule_id)
        following = later
    return following


def _missed(due_at: datetime, following: datetime, decisions: _Decisions) -> bool:
    return due_at < decisions.too_late and following <= decisions.now
