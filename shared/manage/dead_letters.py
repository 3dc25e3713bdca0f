"""Dead letters: triggers that failed for good. Looked at, sent on their way again, or put away."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared.errors import Conflict, Invalid, NotFound
from shared.job import JobId, JobInputType, JsonObject
from shared.manage import secrets
from shared.manage.draft import Draft
from shared.manage.expected import Expected
from shared.manage.jobs import input_faults
from shared.paging import Page, Slice
from shared.redaction import MARK
from shared.services import Services
from shared.store import Connection, dead_letters, job_executions, triggers
from shared.store.job_executions import Recorded
from shared.trigger import Trigger, TriggerId, TriggerStatus
from shared.user import UserId

MISSING = "There is no such dead letter."
MAX_AT_ONCE = 10_000
BATCH = 500
RATE = 10


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter, what its jobs did in all attempts, and which of them it broke off at.

    ``failed_job_id`` is None when the executor was lost and nobody can say; ``job_inputs`` are inputs that an earlier
    redrive gave to jobs, {"job id": input}.
    """

    trigger: Trigger
    job_executions: Sequence[Recorded]
    failed_job_id: JobId | None
    job_inputs: JsonObject

    @property
    def failure(self) -> Recorded | None:
        """The record of that failure, if there is one."""
        failed = [
            one for one in self.job_executions if one.job_id == self.failed_job_id and not one.execution.outcome.ok
        ]
        return failed[-1] if failed and self.failed_job_id is not None else None


@dataclass(slots=True)
class Chosen:
    """Dead letters that were asked for: which changed, and why the others did not."""

    changed: list[TriggerId] = field(default_factory=list)
    skipped: list[tuple[TriggerId, str]] = field(default_factory=list)


def list_dead_letters(services: Services, user_id: UserId, draft: Draft, part: Slice) -> Page[Trigger]:
    """The caller's dead letters, narrowed by the draft's fields, newest first."""
    draft.accept()
    with services.database.begin() as connection:
        return dead_letters.read_list(connection, user_id, draft.fields, part)


def get_dead_letter(services: Services, user_id: UserId, trigger_id: TriggerId) -> DeadLetter:
    """One dead letter; raises ``NotFound``."""
    with services.database.begin() as connection:
        return _found(connection, user_id, trigger_id)


def redrive(services: Services, user_id: UserId, draft: Draft, filters: Draft | None) -> Chosen:
    """Send ``ids``, or what the filters match, on their way again, ``rate`` in a second. Raises ``Invalid``.

    In batches, each a transaction: 1. the schedules and the dead letters are locked, 2. those that can run again are
    put back on the timetable. A crash in between leaves the other batches as they were, and asking again does the rest.
    """
    chosen = _chosen(services, user_id, draft, filters)
    if "job_input" in draft.fields and len(chosen) != 1:
        raise Invalid.field("job_input", f"replaces the input of one run's job, and this asks for {len(chosen)} runs")
    result, now, place = Chosen(), services.clock.now(), 0
    for start in range(0, len(chosen), BATCH):
        with services.database.begin() as connection:
            able = _able(connection, user_id, chosen[start : start + BATCH], result, redriving=True)
            job_inputs = _job_inputs(connection, user_id, able, draft.fields)
            again = list(zip(able, _pace(services, now, draft.fields.get("rate", RATE), place, len(able)), strict=True))
            result.changed += dead_letters.redrive(
                connection,
                again,
                from_start=draft.fields.get("start", "failed_job") == "start",
                job_inputs=job_inputs,
                given={name: draft.fields[name] for name in ("input",) if name in draft.fields},
            )
        place += len(able)
    return result


def retry_trigger(services: Services, user_id: UserId, trigger_id: TriggerId, draft: Draft) -> Trigger:
    """Redrive this one. Raises ``NotFound``, ``Invalid``, and ``Conflict`` with the reason when it cannot be."""
    only = Draft({**draft.fields, "ids": [trigger_id]}, draft.faults)
    result = redrive(services, user_id, only, None)
    with services.database.begin() as connection:
        trigger = triggers.find(connection, user_id, trigger_id)
    if trigger is None:
        raise NotFound("There is no such trigger.")
    if result.skipped:
        raise Conflict(result.skipped[0][1])
    return trigger


def discard(services: Services, user_id: UserId, draft: Draft, filters: Draft | None) -> Chosen:
    """Put ``ids``, or what the filters match, away: they stay in the history. In batches; raises ``Invalid``."""
    chosen = _chosen(services, user_id, draft, filters)
    result, now = Chosen(), services.clock.now()
    for start in range(0, len(chosen), BATCH):
        with services.database.begin() as connection:
            able = _able(connection, user_id, chosen[start : start + BATCH], result, redriving=False)
            result.changed += dead_letters.discard(connection, user_id, able, now)
    return result


def discard_one(
    services: Services, user_id: UserId, trigger_id: TriggerId, expected: Expected[DeadLetter] = None
) -> None:
    """Put one dead letter away; raises ``NotFound``."""
    now = services.clock.now()
    with services.database.begin() as connection:
        dead_letters.lock(connection, user_id, [trigger_id])
        found = _found(connection, user_id, trigger_id)
        if expected:
            expected(found)
        dead_letters.discard(connection, user_id, [trigger_id], now)


def _found(connection: Connection, user_id: UserId, trigger_id: TriggerId) -> DeadLetter:
    trigger = dead_letters.find(connection, user_id, trigger_id)
    if trigger is None:
        raise NotFound(MISSING)
    return DeadLetter(
        trigger,
        job_executions.of_trigger(connection, user_id, trigger_id),
        dead_letters.failed_job(connection, user_id, trigger_id),
        dead_letters.edited_inputs(connection, user_id, trigger_id),
    )


def _chosen(services: Services, user_id: UserId, draft: Draft, filters: Draft | None) -> list[TriggerId]:
    """Whose ids were sent, or match, oldest first. Raises ``Invalid``."""
    Draft(draft.fields, (*draft.faults, *(filters.faults if filters else ()))).accept()
    if ("ids" in draft.fields) == (filters is not None):
        raise Invalid.field("ids", "say which dead letters: either ids or filter")
    if filters is None:
        return sorted(set(draft.fields["ids"]))
    with services.database.begin() as connection:
        found = dead_letters.matching(connection, user_id, filters.fields, MAX_AT_ONCE + 1)
    if len(found) > MAX_AT_ONCE:
        raise Invalid.field("filter", f"matches more than {MAX_AT_ONCE:,} dead letters; narrow it")
    return found


def _able(
    connection: Connection, user_id: UserId, chosen: Sequence[TriggerId], result: Chosen, *, redriving: bool
) -> list[TriggerId]:
    """Lock these; those that are dead letters, and with ``redriving`` can run again. The others' reasons are noted."""
    found = {row.id: row for row in dead_letters.lock(connection, user_id, chosen)}
    reasons = {trigger_id: _hindrance(found.get(trigger_id), redriving) for trigger_id in chosen}
    result.skipped += [(trigger_id, reason) for trigger_id, reason in reasons.items() if reason]
    return [trigger_id for trigger_id, reason in reasons.items() if not reason]


def _hindrance(row: Any, redriving: bool) -> str | None:
    if row is None:
        return MISSING
    if row.status != TriggerStatus.FAILED:
        return f"It is {row.status}, so it is no dead letter."
    if row.discarded_at is not None:
        return "It was discarded."
    # Its action can only be deleted after it.
    return "Its schedule was deleted, so nothing says what to run." if redriving and row.deleted_at else None


def _job_inputs(
    connection: Connection, user_id: UserId, able: Sequence[TriggerId], fields: Mapping[str, Any]
) -> JsonObject | None:
    """What replaces the input of the failed job of the only one, {"job id": input}. Raises ``Invalid``."""
    if "job_input" not in fields or not able:
        return None
    job_id = dead_letters.failed_job(connection, user_id, able[0])
    if job_id is None:
        raise Invalid.field("job_input", "nobody knows the job that it broke off at: its executor was lost")
    job = dead_letters.job_of(connection, user_id, able[0], job_id)
    if job is None:
        raise Invalid.field("job_input", "the job that failed is not among those that its schedule runs now")
    given = fields["job_input"]
    found = input_faults(given, job.job_type, "job_input")
    if found := [*found, *secrets.unknown(connection, user_id, given, JobInputType.STATIC, "job_input")]:
        raise Invalid(found)
    if MARK in json.dumps(given):
        raise Invalid.field("job_input", f"has {MARK} in it: name the secret, or write what it was")
    return {str(job_id): fields["job_input"]}


def _pace(services: Services, now: datetime, rate: int, place: int, count: int) -> list[datetime]:
    """When each may be dispatched: ``rate`` in a second, counted on from ``place``."""
    speed = services.clock.speed
    return [now + timedelta(seconds=number * speed / rate) for number in range(place, place + count)]
