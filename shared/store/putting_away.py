"""SQL of dead letters that leave: their owner's plan keeps them no longer, or their owner put them away."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, any_, bindparam, delete, func, literal_column, select, true, update

from shared.store.arrays import INSTANT, ids
from shared.store.tables import job_executions, plans, triggers, users
from shared.trigger import TriggerId
from shared.user import UserId

DAY: Any = literal_column("interval '1 day'", INSTANT)

# Users have their turns, some at each visit: how many dead letters there are altogether does not matter.
_visited = (
    select(users.c.id, plans.c.history_days)
    .join(plans, plans.c.id == users.c.plan_id)
    .where(users.c.id > bindparam("after"))
    .order_by(users.c.id)
    .limit(bindparam("users"))
    .subquery("visited")
)
VISITED = select(func.max(_visited.c.id), func.count())
_lapsed = (
    select(triggers.c.id)
    .where(
        triggers.c.user_id == _visited.c.id,
        triggers.c.status == literal_column("'failed'"),
        triggers.c.discarded_at.is_(None),
        triggers.c.finished_at <= bindparam("now", type_=INSTANT) - _visited.c.history_days * DAY,
    )
    .limit(bindparam("limit"))
    .lateral("lapsed")
)
_ripe = select(_lapsed.c.id).select_from(_visited.join(_lapsed, true())).limit(bindparam("limit"))
LAPSE = (
    update(triggers)
    .where(triggers.c.id == any_(func.array(_ripe.scalar_subquery())), triggers.c.status == "failed")
    .values(discarded_at=bindparam("now", type_=INSTANT))
)

DISCARDED = (
    select(triggers.c.id, triggers.c.discarded_at)
    .where(triggers.c.discarded_at > bindparam("after", type_=INSTANT))
    .order_by(triggers.c.discarded_at)
    # With ties: what was discarded in one go shares an instant, and the bookmark must not part it.
    .fetch(bindparam("limit"), with_ties=True)
)

_newer = job_executions.alias("newer")
_newest = (
    select(_newer.c.id)
    .where(_newer.c.job_id == job_executions.c.job_id)
    .order_by(_newer.c.id.desc())
    .limit(bindparam("keep"))
)
_newest_failed = _newest.where(_newer.c.status == literal_column("'failed'"))
# What a dead letter had kept beyond what every job keeps.
TRIM_OF = (
    delete(job_executions)
    .where(
        job_executions.c.trigger_id == any_(ids("ids")),
        job_executions.c.id.not_in(_newest.correlate(job_executions)),
        job_executions.c.id.not_in(_newest_failed.correlate(job_executions)),
    )
    .returning(job_executions.c.id)
)


def lapse(connection: Connection, after: UserId, count: int, now: datetime, limit: int) -> tuple[int, UserId]:
    """Put away what the plans of the next ``count`` users keep no longer, ``limit`` at most.

    Answers how many, and the user to go on after: 0 when all had their turn, the same one when there may be more.
    """
    lapsed = connection.execute(LAPSE, {"after": after, "users": count, "now": now, "limit": limit}).rowcount
    last, visited = connection.execute(VISITED, {"after": after, "users": count}).one()
    if lapsed >= limit:
        return lapsed, after
    return lapsed, UserId(last if visited == count else 0)


def discarded(connection: Connection, after: datetime, limit: int) -> Sequence[Any]:
    """Dead letters that were put away after that instant, oldest first: (id, discarded_at)."""
    return connection.execute(DISCARDED, {"after": after, "limit": limit}).all()


def trim_of(connection: Connection, trigger_ids: Sequence[TriggerId], keep: int) -> int:
    """Delete those of their executions that are neither among the newest of their job nor among its newest failures."""
    if not trigger_ids:
        return 0
    return len(connection.execute(TRIM_OF, {"ids": list(trigger_ids), "keep": keep}).all())
