"""One sentence for any instant of a schedule: what ran, what will, what did not and why. Pure wording."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.cron import zone
from shared.schedule import Schedule, ScheduleStatus, ScheduleType
from shared.trigger import Hold, TriggerId, TriggerKind, TriggerStatus


class Explained(StrEnum):
    """What a schedule has to do with an instant, for machines."""

    COMPLETED = "completed"
    FAILED = "failed"
    EXECUTING = "executing"
    QUEUED = "queued"
    RETRYING = "retrying"
    HELD = "held"
    DUE = "due"
    WILL_RUN = "will_run"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    PAUSED = "paused"
    NOT_ACTIVE = "not_active"
    OVER = "over"
    FORGOTTEN = "forgotten"
    NOT_DUE = "not_due"
    BEFORE_CREATION = "before_creation"


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An occurrence as its trigger or, without an id, the ledger has it."""

    trigger_id: TriggerId | None
    due_at: datetime
    kind: TriggerKind
    status: TriggerStatus
    reason: str | None
    attempt: int
    started_at: datetime | None
    finished_at: datetime | None
    hold: Hold | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a schedule around ``at``.

    ``due``: the timetable has an occurrence there; ``within_runs``: ``max_runs`` lets it come to that. ``occurrence``:
    what became of it. ``active_since``: what came before is not of the definition that the schedule has now.
    """

    at: datetime
    now: datetime
    schedule: Schedule
    active_since: datetime
    occurrence: Occurrence | None = None
    due: bool = False
    within_runs: bool = True
    # Why a calendar forbids it.
    excluded: str | None = None
    before: datetime | None = None
    after: datetime | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer; ``before`` and ``after`` are the nearest due times around ``at``."""

    at: datetime
    outcome: Explained
    sentence: str
    trigger_id: TriggerId | None
    before: datetime | None
    after: datetime | None


def explain(facts: Facts) -> Explanation:
    """What the schedule has to do with ``facts.at``."""
    if facts.occurrence is not None:
        outcome, sentence = _of_occurrence(facts, facts.occurrence)
    elif facts.due:
        outcome, sentence = _of_plan(facts)
    else:
        outcome, sentence = _of_nothing(facts)
    trigger_id = facts.occurrence.trigger_id if facts.occurrence else None
    return Explanation(facts.at, outcome, sentence, trigger_id, facts.before, facts.after)


_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}


def span(length: timedelta) -> str:
    """A duration as people say it: ``0.4 s``, ``2 min 5 s``, ``3 h 20 min``, ``2 d 4 h``."""
    seconds = max(length.total_seconds(), 0)
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    large, small = ("min", "s") if whole < 3600 else ("h", "min") if whole < 86400 else ("d", "h")
    rest = whole % _SECONDS[large] // _SECONDS[small]
    return f"{whole // _SECONDS[large]} {large}" + (f" {rest} {small}" if rest else "")


def _of_occurrence(facts: Facts, found: Occurrence) -> tuple[Explained, str]:
    reason = _clause(found.reason)
    match found.status:
        case TriggerStatus.SCHEDULED:
            return _of_scheduled(facts, found)
        case TriggerStatus.QUEUED:
            return Explained.QUEUED, f"It was {_due(facts, found)} and waits in the queue for an executor."
        case TriggerStatus.EXECUTING:
            return Explained.EXECUTING, f"It is running now: {_due(facts, found)}, {_started(found)}."
        case TriggerStatus.COMPLETED:
            return Explained.COMPLETED, f"It ran: {_due(facts, found)}, {_started(found)}, completed{_lasted(found)}."
        case TriggerStatus.FAILED:
            told = f"{_due(facts, found)}, {_started(found)}, failed{_lasted(found)}: {reason}."
            return Explained.FAILED, f"It ran and failed: {told}"
        case TriggerStatus.SKIPPED:
            return Explained.SKIPPED, f"It did not run: {_due(facts, found)}, but it was skipped. {reason}."
        case TriggerStatus.CANCELLED:
            stopped = f"It was stopped: {_due(facts, found)}, {_started(found)}"
            told = stopped if found.started_at else f"It did not run: {_due(facts, found)}"
            return Explained.CANCELLED, f"{told}, but {reason or 'it was cancelled'}."


def _of_scheduled(facts: Facts, found: Occurrence) -> tuple[Explained, str]:
    if found.hold is not None:
        return Explained.HELD, f"It was {_due(facts, found)}, but did not start yet. {_clause(found.reason)}."
    if found.attempt > 0:
        return Explained.RETRYING, f"It was {_due(facts, found)} and is tried again: {_clause(found.reason)}."
    if found.kind is TriggerKind.BACKFILL:
        return Explained.DUE, f"It was {_due(facts, found)} and waits in line."
    if found.due_at <= facts.now:
        return Explained.DUE, f"It is {_due(facts, found)} and is about to be queued."
    return Explained.WILL_RUN, f"It will run at {_local(facts, found.due_at)}, in {span(found.due_at - facts.now)}."


def _of_plan(facts: Facts) -> tuple[Explained, str]:
    """The timetable has this instant, but nothing is written of it."""
    schedule, at = facts.schedule, _local(facts, facts.at)
    if facts.at > facts.now:
        if _paused_at(schedule, facts.at):
            return Explained.PAUSED, f"It would be due at {at}, but will not run: {_why_paused(schedule)}."
        if schedule.schedule_status is ScheduleStatus.PROCESSED or not facts.within_runs:
            return Explained.OVER, f"It will not run at {at}: {_used_up(schedule)}."
        if facts.excluded:
            return Explained.SKIPPED, f"It will not run at {at}: {_clause(facts.excluded)}."
        return Explained.WILL_RUN, f"It will run at {at}, in {span(facts.at - facts.now)}."
    if _before_its_time(facts):
        return _before_creation(facts)
    if facts.at <= facts.active_since:
        since = _local(facts, facts.active_since)
        why = "the schedule was paused then or defined otherwise"
        return Explained.NOT_ACTIVE, f"It did not run at {at}: {why}; it is as it is since {since}."
    if schedule.schedule_status is ScheduleStatus.INACTIVE:
        return Explained.PAUSED, f"It did not run at {at}: {_why_paused(schedule)}."
    if schedule.next_run_at is None and schedule.schedule_status is ScheduleStatus.PROCESSED:
        return Explained.OVER, f"It did not run at {at}: {_used_up(schedule)}."
    if schedule.next_run_at is None or schedule.next_run_at <= facts.at:
        return Explained.DUE, f"It is due since {at} and is about to be queued."
    return Explained.FORGOTTEN, f"It was due at {at}; what became of it is not kept any more."


def _of_nothing(facts: Facts) -> tuple[Explained, str]:
    if _before_its_time(facts):
        return _before_creation(facts)
    sentence = f"Nothing {'is' if facts.at > facts.now else 'was'} due at {_local(facts, facts.at)}"
    if facts.schedule.timing.schedule_type is ScheduleType.RELATIVE:
        sentence += ", because each run comes a fixed time after the end of the one before"
    around = [f"the one before was due at {_local(facts, facts.before)}"] if facts.before else []
    if facts.before is None and facts.after is None:
        around = ["nor at any other time"]
    if facts.after:
        around.append(f"the next one is due at {_local(facts, facts.after)}{_unless(facts)}")
    return Explained.NOT_DUE, f"{sentence}; {', '.join(around)}."


def _unless(facts: Facts) -> str:
    after = facts.after or facts.now
    return ", but the schedule is paused" if after > facts.now and _paused_at(facts.schedule, after) else ""


def _paused_at(schedule: Schedule, at: datetime) -> bool:
    """Whether it is paused, and will still be then."""
    goes_on = schedule.resume_at is not None and schedule.resume_at < at
    return schedule.schedule_status is ScheduleStatus.INACTIVE and not goes_on


def _why_paused(schedule: Schedule) -> str:
    note = f": {schedule.pause_note}" if schedule.pause_note else ""
    return _clause(schedule.status_note or f"the schedule is paused{note}")


def _before_its_time(facts: Facts) -> bool:
    return facts.at < facts.schedule.created_at.replace(microsecond=0)


def _before_creation(facts: Facts) -> tuple[Explained, str]:
    created = _local(facts, facts.schedule.created_at)
    return Explained.BEFORE_CREATION, f"There was no such schedule at {_local(facts, facts.at)}: it is of {created}."


def _used_up(schedule: Schedule) -> str:
    return "its runs are used up" if schedule.max_runs is not None else "nothing is left of its timetable"


def _due(facts: Facts, found: Occurrence) -> str:
    when = _local(facts, found.due_at)
    asked = {TriggerKind.MANUAL: f"asked for by hand at {when}", TriggerKind.BACKFILL: f"due at {when}, backfilled"}
    return asked.get(found.kind, f"due at {when}")


def _started(found: Occurrence) -> str:
    if found.started_at is None:
        return "not started"
    attempts = f" (attempt {found.attempt})" if found.attempt > 1 else ""
    return f"started {span(found.started_at - found.due_at)} later{attempts}"


def _lasted(found: Occurrence) -> str:
    if found.started_at is None or found.finished_at is None:
        return ""
    return f" after {span(found.finished_at - found.started_at)}"


def _local(facts: Facts, instant: datetime) -> str:
    timezone = facts.schedule.timing.timezone
    return f"{instant.astimezone(zone(timezone)):%Y-%m-%d %H:%M:%S} {timezone}"


def _clause(reason: str | None) -> str:
    return (reason or "").rstrip(". ")
