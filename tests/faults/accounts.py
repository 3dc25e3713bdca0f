"""Accounts of a laboratory: what should have been decided, by the timetables alone, against what was."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from typing import Any

from sqlalchemy import select

from shared import timetable
from shared.schedule import ScheduleType
from shared.store.invariants import violations
from shared.store.tables import job_executions, jobs, ledger, schedules, triggers
from shared.store.timings import timing
from tests.faults.lab.bench import Lab
from tests.faults.lab.target import Call


@dataclass(frozen=True, slots=True)
class Span:
    """Between these instants a schedule was certainly active by one definition: all its due times count.

    Unless it is ``over`` because its user changed something: then what was due just before, and nobody had got to, went
    with the change. There may be no hole before that.
    """

    since: datetime
    until: datetime
    over: bool = False


UNFINISHED = ("scheduled", "queued", "executing")


@dataclass
class Account:
    """What was found; an empty ``faults`` is a good one. ``reasons``: why what did not complete did not, how often."""

    expected: int = 0
    decided: int = 0
    executed: int = 0
    failed: int = 0
    skipped: int = 0
    lost: int = 0
    doubled: int = 0
    calls: int = 0
    called_again: int = 0
    overlaps: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def unfinished(lab: Lab, due_before: datetime) -> int:
    """How many occurrences that were due before an instant have not ended, and how many schedules are not planned.

    Those that are paused until then are not, either.
    """
    open_triggers = select(triggers.c.id).where(
        triggers.c.status.in_(UNFINISHED), (triggers.c.due_at <= due_before) | (triggers.c.attempt > 0)
    )
    pending = select(schedules.c.id).where(
        (schedules.c.schedule_status == "pending") | (schedules.c.resume_at <= due_before)
    )
    with lab.services.database.begin() as connection:
        # One statement: between two of them a schedule may be planned, and be in neither.
        return len(connection.execute(open_triggers.union_all(pending)).all())


def draw_up(lab: Lab, until: datetime, spans: Mapping[int, Sequence[Span]] = {}) -> Account:
    """The account of everything that was due until an instant, once it has ended.

    Of schedules that somebody edited and paused meanwhile, ``spans`` says between which instants all due times count.
    """
    with lab.services.database.begin() as connection:
        all_schedules = connection.execute(select(schedules)).all()
        decided: dict[int, list[Any]] = defaultdict(list)
        for table in (triggers, ledger):
            for row in connection.execute(select(table).where(table.c.due_at <= until).order_by(table.c.due_at)):
                decided[row.schedule_id].append(row)
        found = violations(connection, until, patience=60.0)
    account = Account(faults=[f"{each.invariant}: {each.id}, {each.detail}" for each in found])
    for schedule in all_schedules:
        _count(account, schedule, decided[schedule.id], until, spans.get(schedule.id))
    _count_calls(account, lab, [row for rows in decided.values() for row in rows])
    return account


def _count(account: Account, schedule: Any, rows: Sequence[Any], until: datetime, spans: Sequence[Span] | None) -> None:
    """One schedule's part: its due times against its rows."""
    dues = [row.due_at for row in rows]
    account.decided += len(rows)
    account.doubled += len(dues) - len(set(dues))
    for row in rows:
        if row.status in UNFINISHED:
            account.lost += 1
            account.faults.append(f"trigger {row.id} of schedule {schedule.id} never ended: it is {row.status}")
        account.executed += row.status == "completed"
        account.failed += row.status == "failed"
        account.skipped += row.status == "skipped"
        if row.reason:
            reason = f"{row.status}: {re.sub(r'[0-9]+', '#', row.reason)}"
            account.reasons[reason] = account.reasons.get(reason, 0) + 1
    planned = {row.due_at for row in rows if row.kind == "planned"}
    expected = set(_expected(schedule, until, rows) if spans is None else _within(schedule, spans, until, planned))
    account.expected += len(expected)
    missing, beyond = expected - planned, planned - expected if spans is None else set[datetime]()
    account.lost += len(missing)
    account.doubled += len(beyond)
    account.faults += [f"schedule {schedule.id} was never decided for {due}" for due in sorted(missing)]
    account.faults += [f"schedule {schedule.id} was decided for {due}, which is no due time" for due in sorted(beyond)]


def _within(schedule: Any, spans: Sequence[Span], until: datetime, planned: set[datetime]) -> Iterator[datetime]:
    for span in spans:
        end = min(span.until, until)
        if span.over:
            end = max((due for due in planned if due < end), default=span.since)
        for due in timetable.upcoming(timing(schedule), span.since):
            if due >= end:
                break
            yield due


def _expected(schedule: Any, until: datetime, rows: Sequence[Any]) -> list[datetime]:
    """Its due times until an instant. Those of a relative schedule hang on the ends of its runs."""
    schedule_timing = timing(schedule)
    if schedule.schedule_type == ScheduleType.RECURRING:
        return list(takewhile(lambda due: due <= until, timetable.upcoming(schedule_timing, schedule.active_since)))
    due = timetable.first_due(schedule_timing, schedule.active_since)
    found = [due] if due is not None and due <= until else []
    if schedule.schedule_type == ScheduleType.RELATIVE:
        for row in rows[: schedule.max_runs - 1 if schedule.max_runs else None]:
            due = row.finished_at and timetable.relative_due(schedule_timing, row.finished_at)
            found += [due] if due is not None and due <= until else []
    return found


def _count_calls(account: Account, lab: Lab, rows: Sequence[Any]) -> None:
    """What the target saw: at least one call of each job that completed, and one key for each occurrence and job."""
    by_key = {**lab.target.by_key(), **lab.sick.by_key()}
    account.calls = sum(map(len, by_key.values()))
    account.called_again = sum(len(calls) - 1 for calls in by_key.values())
    keys: dict[str, set[str]] = defaultdict(set)
    for key, calls in by_key.items():
        keys[calls[0].occurrence].add(key)
    for occurrence, found in keys.items():
        if len({key.rsplit("-", 1)[0] for key in found}) > 1:
            account.doubled += 1
            account.faults.append(f"{occurrence} was called under several keys: {sorted(found)}")
    overlaps = lab.target.overlaps() + lab.sick.overlaps()
    account.overlaps = len(overlaps)
    account.faults += [f"two calls at once: {one} and {other}" for one, other in overlaps[:20]]
    _compare_with_target(account, lab, rows, by_key)


def _compare_with_target(account: Account, lab: Lab, rows: Sequence[Any], by_key: dict[str, list[Call]]) -> None:
    """Every execution that is recorded as completed was answered by the target."""
    recorded = select(job_executions.c.trigger_id, job_executions.c.job_id).where(
        job_executions.c.status == "completed", job_executions.c.job_type == "http"
    )
    roots = select(jobs.c.id, jobs.c.action_id).where(jobs.c.is_root_job)
    with lab.services.database.begin() as connection:
        wanted = {f"cronny-{trigger_id}-{job_id}" for trigger_id, job_id in connection.execute(recorded)}
        root = {action_id: job_id for job_id, action_id in connection.execute(roots)}
    wanted |= {f"cronny-{row.id}-{root[row.action_id]}" for row in rows if row.status == "completed"}
    answered = {key for key, calls in by_key.items() if any(call.answered for call in calls)}
    _compare_with_deliveries(account, lab, by_key)
    account.lost += len(wanted - answered)
    account.faults += [f"{key} is said to have completed, but the target knows nothing" for key in wanted - answered]


def _compare_with_deliveries(account: Account, lab: Lab, by_key: dict[str, list[Call]]) -> None:
    """What is to be sent at most once was."""
    with lab.services.database.begin() as connection:
        careful = select(jobs.c.id).where(jobs.c.delivery == "at_most_once")
        once = {str(job_id) for job_id in connection.execute(careful).scalars()}
    again = [key for key, calls in by_key.items() if key.rsplit("-", 1)[1] in once and len(calls) > 1]
    account.faults += [f"{key} may be sent once only and was sent {len(by_key[key])} times" for key in again]
