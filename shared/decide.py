"""Decide: what becomes of each due trigger, and what follows it on its schedule's timetable.

A trigger comes here as its row of ``dispatching.DUE``; what is decided is collected in ``Decisions`` and written by
``dispatch``. A trigger that is put off is decided again when its turn comes, but its schedule has moved on by then.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared import timetable
from shared.calendars import Calendar
from shared.catch_up import Backlog
from shared.overlap import LOOK_AGAIN, REPLACED, UnderWay, Verdict
from shared.packs import Sendable
from shared.schedule import CatchUp, Overlap, ScheduleId, ScheduleType, Timing
from shared.store.holds import Held
from shared.store.planning import Occurrence
from shared.store.timings import timing as read_timing
from shared.trigger import Hold, TriggerId, TriggerKind

# So many occurrences that are not run are written down for one schedule at a time.
BATCH = 1000


@dataclass(slots=True)
class Decisions:
    """What was decided about a batch of due triggers. ``under_way``: of the schedules whose runs must not overlap."""

    now: datetime
    speed: float
    under_way: Mapping[ScheduleId, UnderWay] = field(default_factory=dict)
    ready: list[Sendable] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    skipped: list[tuple[TriggerId, str]] = field(default_factory=list)
    replaced: dict[TriggerId, str] = field(default_factory=dict)
    missed: list[tuple[ScheduleId, datetime, str]] = field(default_factory=list)
    following: list[Occurrence] = field(default_factory=list)
    exhausted: list[ScheduleId] = field(default_factory=list)
    counted: list[ScheduleId] = field(default_factory=list)
    late_runs: list[tuple[ScheduleId, int]] = field(default_factory=list)
    unreadable: list[tuple[ScheduleId, str]] = field(default_factory=list)
    awake: set[ScheduleId] = field(default_factory=set)


def overlaps_matter(row: Any) -> bool:
    """Whether other runs of the trigger's schedule must be known to decide it."""
    return Overlap(row.overlap) is not Overlap.ALLOW and ScheduleType(row.schedule_type) is not ScheduleType.RELATIVE


def decide(row: Any, closed: tuple[Calendar, ...], decisions: Decisions) -> None:
    """Decide one due trigger of a locked schedule, whose calendars are ``closed``."""
    if row.id in decisions.replaced:
        return
    # Another attempt, or one that was put off: its schedule moved on before. A run that was asked for never moves it.
    if row.attempt > 0 or row.hold is not None or row.kind != TriggerKind.PLANNED:
        _heed(row, _verdict(row, decisions), decisions)
        return
    try:
        _decide(row, read_timing(row, closed), decisions)
    except ValueError as error:
        decisions.unreadable.append((row.schedule_id, f"Switched off: {error}"))
        decisions.skipped.append((row.id, f"Its schedule was switched off: {error}"))


def _decide(row: Any, timing: Timing, decisions: Decisions) -> None:
    """The first decision about a planned occurrence, which also plans the one after it. Raises ``ValueError``."""
    backlog = Backlog(CatchUp(row.catch_up), row.catch_up_window_seconds, row.caught_up, decisions.now, decisions.speed)
    # A relative schedule has no times to miss: its delay is a minimum.
    relative = timing.schedule_type is ScheduleType.RELATIVE
    last_run = row.max_runs is not None and row.runs + 1 >= row.max_runs
    later = timetable.following_due(timing, row.due_at)
    why = timetable.excluded(timing, row.due_at)
    if why is None and not relative:
        why = backlog.given_up(row.due_at) or backlog.superseded(row.due_at, None if last_run else later)
    verdict = (Verdict.SKIP, why) if why is not None else _verdict(row, decisions)
    runs = verdict[0] is not Verdict.SKIP
    following = None if runs and last_run else later
    if following is None and (last_run or not (relative and runs)):
        decisions.exhausted.append(row.schedule_id)
    _heed(row, verdict, decisions)
    if runs:
        _count(row, backlog, decisions)
    else:
        following = _skip_on(row.schedule_id, timing, following, backlog, decisions)
    if following is not None:
        decisions.following.append(Occurrence(row.schedule_id, following))


def _verdict(row: Any, decisions: Decisions) -> tuple[Verdict, str]:
    """What the other runs of its schedule mean for it; another attempt is one of them, and so is who waits for room."""
    if not overlaps_matter(row) or row.attempt > 0 or row.hold in (Hold.LIMIT, Hold.BREAKER):
        return Verdict.GO, ""
    under_way = decisions.under_way.get(row.schedule_id)
    return under_way.decide(row.id, TriggerKind(row.kind), Overlap(row.overlap)) if under_way else (Verdict.GO, "")


def _heed(row: Any, verdict: tuple[Verdict, str], decisions: Decisions) -> None:
    """Note what the verdict means, for the trigger and for those of its schedule that are decided after it."""
    under_way = decisions.under_way.get(row.schedule_id, UnderWay())
    match verdict[0]:
        case Verdict.SKIP:
            decisions.skipped.append((row.id, verdict[1]))
            under_way.skip(row.id)
        case Verdict.HOLD:
            look_at = decisions.now + LOOK_AGAIN * decisions.speed
            decisions.held.append(Held(row.id, Hold.OVERLAP, verdict[1], look_at))
            under_way.wait(row.id, TriggerKind(row.kind))
            if not under_way.active:
                decisions.awake.add(row.schedule_id)
        case Verdict.REPLACE:
            _replace(row, under_way, decisions)
            _go(row, under_way, decisions)
        case Verdict.GO:
            _go(row, under_way, decisions)


def _go(row: Any, under_way: UnderWay, decisions: Decisions) -> None:
    decisions.ready.append(Sendable(row.id, row.user_id, row.alone, row.host, row.next_attempt_at, row.priority))
    under_way.go(row.id, row.due_at)


def _replace(row: Any, under_way: UnderWay, decisions: Decisions) -> None:
    """Whatever is under way ends, be it only in this batch."""
    reason = REPLACED.format(f"{row.due_at:%Y-%m-%dT%H:%M:%SZ}")
    decisions.replaced |= dict.fromkeys(under_way.active, reason)
    decisions.ready = [item for item in decisions.ready if item.id not in under_way.active]
    under_way.active.clear()


def _count(row: Any, backlog: Backlog, decisions: Decisions) -> None:
    if row.max_runs is not None:
        decisions.counted.append(row.schedule_id)
    if backlog.late(row.due_at):
        decisions.late_runs.append((row.schedule_id, row.caught_up + 1))
    elif row.caught_up:
        decisions.late_runs.append((row.schedule_id, 0))


def _skip_on(
    schedule_id: ScheduleId, timing: Timing, following: datetime | None, backlog: Backlog, decisions: Decisions
) -> datetime | None:
    """Write down what was missed or excluded after this trigger, a batch at most; answers where to go on from.

    Nothing is decided before it is due: a calendar may be edited until then.
    """
    for _ in range(BATCH):
        if following is None or following > decisions.now:
            break
        later = timetable.following_due(timing, following)
        why = timetable.excluded(timing, following)
        if why is None and timing.schedule_type is not ScheduleType.RELATIVE:
            why = backlog.given_up(following) or backlog.superseded(following, later)
        if why is None:
            break
        decisions.missed.append((schedule_id, following, why))
        if later is None:
            decisions.exhausted.append(schedule_id)
        following = later
    return following
