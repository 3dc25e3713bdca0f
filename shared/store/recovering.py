"""SQL that finds executing triggers whose executor died, and what becomes of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, exists, func, literal_column, select, update

from shared.store import tallying
from shared.store.arrays import BIGINT, INSTANT, TEXT, bound, rows
from shared.store.putting_back import CHANGED
from shared.store.tables import jobs, schedules, triggers
from shared.trigger import TriggerId, TriggerStatus

# Whether its action has jobs that run whatever became of the one that was being sent: at a fork, or after a failure.
_forks: Any = exists().where(
    jobs.c.action_id == triggers.c.action_id,
    jobs.c.on_failure_job_id.is_not(None)
    | func.jsonb_path_exists(
        jobs.c.condition,
        literal_column("CAST('strict $.condition_rules[*].job_id ? (@.type() == \"array\")' AS jsonpath)"),
        literal_column("CAST('{}' AS jsonb)"),
        literal_column("true"),
    ),
)
# Both rows again, in no order and without waiting: what is held is looked at in the next round.
LOST = (
    select(
        triggers.c.id,
        triggers.c.attempt,
        triggers.c.crashes,
        triggers.c.schedule_id,
        schedules.c.schedule_type,
        schedules.c.overlap,
        triggers.c.kind,
        triggers.c.redrives,
        triggers.c.sending_job_id,
        select(jobs.c.name).where(jobs.c.id == triggers.c.sending_job_id).scalar_subquery().label("sending_job"),
        CHANGED.label("changed"),
        (triggers.c.sending_job_id.is_not(None) & _forks).label("forks"),
    )
    .join(schedules, schedules.c.id == triggers.c.schedule_id)
    .where(triggers.c.status == "executing", triggers.c.lease_until <= bindparam("now", type_=INSTANT))
    .order_by(triggers.c.lease_until)
    .limit(bindparam("limit"))
    .with_for_update(of=[triggers, schedules], skip_locked=True, key_share=True)
)

_lost = rows("lost", id=BIGINT, reason=TEXT)
RETRY = (
    update(triggers)
    .where(triggers.c.id == _lost.c.id)
    .values(
        status=TriggerStatus.SCHEDULED.value,
        reason=_lost.c.reason,
        next_attempt_at=bindparam("now", type_=INSTANT),
        lease_until=None,
        resend_at=None,
        crashes=triggers.c.crashes + 1,
        alone=True,
    )
)
# What was being sent stays noted: whoever redrives the dead letter asks which job it was.
_fail = (
    update(triggers)
    .where(triggers.c.id == _lost.c.id)
    .values(
        status=TriggerStatus.FAILED.value,
        reason=_lost.c.reason,
        finished_at=bindparam("now", type_=INSTANT),
        lease_until=None,
        crashes=triggers.c.crashes + 1,
    )
    .returning(triggers.c.status)
)
FAIL = tallying.ending(_fail)


def lock_lost(connection: Connection, now: datetime, limit: int) -> Sequence[Any]:
    """Executing triggers whose lease ran out, locked, with what decides whether another attempt follows."""
    return connection.execute(LOST, {"now": now, "limit": limit}).all()


def retry(connection: Connection, lost: Sequence[tuple[TriggerId, str]], now: datetime) -> None:
    """Put triggers back on the timetable for another attempt at once, each in a message of its own.

    What was being sent stays noted: that attempt records it as failed before anything else.
    """
    if lost:
        connection.execute(RETRY, bound(_lost, lost) | {"now": now})


def fail(connection: Connection, lost: Sequence[tuple[TriggerId, str]], now: datetime) -> None:
    """End triggers as failed, with the reason of each."""
    if lost:
        connection.execute(FAIL, bound(_lost, lost) | {"now": now})
