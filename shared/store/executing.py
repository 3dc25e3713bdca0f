"""SQL of a run: claim, record, finish. Every write names (id, attempt), so that a lost lease changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Boolean,
    Connection,
    Double,
    Integer,
    SmallInteger,
    any_,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.types import TypeEngine

from shared.job import JobId
from shared.outcome import JobExecution
from shared.store import tallying
from shared.store.arrays import BIGINT, INSTANT, TEXT, bound, ids, rows
from shared.store.jsonb import clean, text
from shared.store.tables import job_executions, jobs, schedules, triggers
from shared.trigger import Claim, TriggerId, TriggerStatus

# Beyond the timeout of the job that runs: time to record it. An executor that died is noticed after that.
LEASE_MARGIN = timedelta(seconds=15)
SECOND: Any = literal_column("interval '1 second'")

_longest_job = (
    select(func.coalesce(func.max(jobs.c.job_timeout_in_secs), 0))
    .where(jobs.c.action_id == triggers.c.action_id)
    .scalar_subquery()
)
# A doubled message makes two executors claim the same rows at once: the second skips them instead of waiting.
_free = (
    select(triggers.c.id)
    .where(triggers.c.id == any_(ids("ids")), triggers.c.status == "queued")
    .with_for_update(skip_locked=True, key_share=True)
)
CLAIMED = (
    update(triggers)
    .where(
        triggers.c.id == any_(func.array(_free.scalar_subquery())),
        schedules.c.id == triggers.c.schedule_id,
    )
    .values(
        status=TriggerStatus.EXECUTING.value,
        attempt=triggers.c.attempt + 1,
        reason=None,
        # The clocks of two functions agree to within a round trip; what was queued first still started later.
        started_at=func.coalesce(
            triggers.c.started_at, func.greatest(bindparam("now", type_=INSTANT), triggers.c.queued_at)
        ),
        lease_until=bindparam("lease", type_=INSTANT) + SECOND * _longest_job * bindparam("speed", type_=Double()),
    )
    .returning(
        triggers.c.id,
        triggers.c.attempt,
        triggers.c.user_id,
        triggers.c.schedule_id,
        triggers.c.action_id,
        triggers.c.due_at,
        schedules.c.schedule_type,
        schedules.c.name,
        func.coalesce(triggers.c.input, schedules.c.input).label("input"),
        triggers.c.kind,
        triggers.c.started_at,
        triggers.c.lease_until,
        triggers.c.redrives,
        triggers.c.job_inputs,
        schedules.c.overlap,
        triggers.c.sending_job_id,
    )
)
CLAIM = tallying.starting(CLAIMED, bindparam("speed", type_=Double()))

_step = rows("step", trigger_id=BIGINT, attempt=Integer(), lease_until=INSTANT, sending_job_id=BIGINT)
EXTEND = (
    update(triggers)
    .where(
        triggers.c.id == _step.c.trigger_id,
        triggers.c.attempt == _step.c.attempt,
        triggers.c.status == "executing",
    )
    .values(lease_until=_step.c.lease_until, sending_job_id=_step.c.sending_job_id)
    .returning(triggers.c.id)
)

_mine = rows("mine", id=BIGINT, attempt=Integer())
STANDING = (
    select(triggers.c.id)
    .join(_mine, (triggers.c.id == _mine.c.id) & (triggers.c.attempt == _mine.c.attempt))
    .where(triggers.c.status == "executing")
)

_EXECUTION: dict[str, TypeEngine[Any]] = {
    "trigger_id": BIGINT,
    "attempt": Integer(),
    "job_id": BIGINT,
    **dict.fromkeys(("job_name", "job_type", "status", "error", "failure", "input", "output"), TEXT),
    "final": Boolean(),
    "started_at": INSTANT,
    "finished_at": INSTANT,
}
_done = rows("done", **_EXECUTION)
# The join with triggers is the fence; the one with jobs lets go of a job that was deleted while it ran.
RECORD = (
    insert(job_executions)
    .from_select(
        ["user_id", *_EXECUTION],
        select(
            triggers.c.user_id,
            _done.c.trigger_id,
            cast(_done.c.attempt, SmallInteger),
            jobs.c.id,
            _done.c.job_name,
            _done.c.job_type,
            _done.c.status,
            _done.c.error,
            _done.c.failure,
            cast(_done.c.input, JSONB),
            cast(_done.c.output, JSONB),
            _done.c.final,
            _done.c.started_at,
            _done.c.finished_at,
        ).select_from(
            _done.join(
                triggers,
                (triggers.c.id == _done.c.trigger_id)
                & (triggers.c.attempt == _done.c.attempt)
                & (triggers.c.status == "executing"),
            ).outerjoin(jobs, jobs.c.id == _done.c.job_id)
        ),
    )
    .on_conflict_do_nothing()
)

_end = rows("ended", trigger_id=BIGINT, attempt=Integer(), status=TEXT, reason=TEXT)
FINISHED = (
    update(triggers)
    .where(
        triggers.c.id == _end.c.trigger_id,
        triggers.c.attempt == _end.c.attempt,
        triggers.c.status == "executing",
    )
    .values(
        status=_end.c.status,
        reason=_end.c.reason,
        finished_at=func.greatest(bindparam("now", type_=INSTANT), triggers.c.started_at),
        lease_until=None,
        sending_job_id=None,
    )
    .returning(triggers.c.id, triggers.c.status)
)
FINISH = tallying.ending(FINISHED)


@dataclass(frozen=True, slots=True)
class Record:
    """A job execution to be written for a claimed trigger."""

    claim: Claim
    execution: JobExecution


@dataclass(frozen=True, slots=True)
class Lease:
    """Until when a claimed trigger is this executor's; ``sending`` is a job that may be sent once only, and is now."""

    claim: Claim
    until: datetime
    sending: JobId | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How a claimed trigger ended."""

    claim: Claim
    status: TriggerStatus
    reason: str | None


def claim(connection: Connection, trigger_ids: Sequence[TriggerId], now: datetime, speed: float) -> list[Claim]:
    """Take queued triggers; those that somebody else took, or that were cancelled, are not in the answer.

    The lease covers the longest job of the action and the time to record it, in real seconds by a clock of that speed.
    """
    lease: dict[str, Any] = {"lease": now + LEASE_MARGIN * speed, "speed": speed}
    claimed = connection.execute(CLAIM, {"ids": list(trigger_ids), "now": now, **lease})
    return [Claim(*row) for row in claimed]


def record(connection: Connection, records: Sequence[Record]) -> None:
    """Write job executions; those of a lost lease, or written before, are left out."""
    if records:
        connection.execute(RECORD, bound(_done, [_values(item) for item in records]))


def extend(connection: Connection, leases: Sequence[Lease]) -> set[TriggerId]:
    """Move the ends of leases and note what is being sent; answers the triggers whose lease still held."""
    if not leases:
        return set()
    values = [(lease.claim.id, lease.claim.attempt, lease.until, lease.sending) for lease in leases]
    return set(connection.execute(EXTEND, bound(_step, values)).scalars())


def standing(connection: Connection, claims: Sequence[Claim]) -> set[TriggerId]:
    """Which of these triggers are still this executor's."""
    return set(connection.execute(STANDING, bound(_mine, [(claim.id, claim.attempt) for claim in claims])).scalars())


def finish(connection: Connection, endings: Sequence[Ending], now: datetime) -> set[TriggerId]:
    """End triggers; answers those that were still this executor's to end."""
    if not endings:
        return set()
    values = [(item.claim.id, item.claim.attempt, item.status.value, clean(item.reason)) for item in endings]
    parameters: dict[str, Any] = bound(_end, values)
    return set(connection.execute(FINISH, parameters | {"now": now}).scalars())


def _values(item: Record) -> tuple[Any, ...]:
    done = item.execution
    return (
        item.claim.id,
        item.claim.attempt,
        done.job_id,
        clean(done.job_name),
        done.job_type,
        done.outcome.status.value,
        clean(done.outcome.error),
        done.outcome.failure,
        text(done.input),
        text(done.outcome.output),
        done.final,
        done.started_at,
        done.finished_at,
    )
