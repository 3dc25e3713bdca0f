"""SQL of pauses that end by themselves."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, any_, bindparam, func, select, update

from shared.schedule import ScheduleId, ScheduleStatus
from shared.store import quotas
from shared.store.arrays import BIGINT, INSTANT, TEXT, bound, ids, rows
from shared.store.tables import schedules
from shared.store.timings import COLUMNS

_now = bindparam("now", type_=INSTANT)
_OVER = schedules.c.resume_at <= _now
_first = select(schedules.c.user_id).where(_OVER).order_by(schedules.c.resume_at).limit(bindparam("limit"))
_owners = select(_first.subquery("first").c.user_id).distinct().subquery("owners")
# Nobody waits here: whoever is held, or edited, right now is left for the next tick.
HOLD_OWNERS = select(_owners.c.user_id).where(quotas.try_lock(_owners.c.user_id))
DUE = (
    select(schedules.c.id, schedules.c.user_id, schedules.c.resume_at, *COLUMNS)
    .where(_OVER, schedules.c.user_id == any_(ids("users")))
    .order_by(schedules.c.resume_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True, key_share=True)
)
# As of the instant that was named, however late this is: what is due since then is Cronny's to account for.
RESUME = (
    update(schedules)
    .where(schedules.c.id == any_(ids("ids")))
    .values(
        schedule_status=ScheduleStatus.PENDING.value,
        active_since=schedules.c.resume_at,
        exhausted=False,
        status_note=None,
        pause_note=None,
        resume_at=None,
        updated_at=func.greatest(schedules.c.updated_at, schedules.c.resume_at),
    )
)
_refused = rows("refused", id=BIGINT, note=TEXT)
REFUSE = (
    update(schedules)
    .where(schedules.c.id == _refused.c.id)
    .values(resume_at=None, status_note=_refused.c.note, updated_at=_now)
)


def lock_due(connection: Connection, now: datetime, limit: int) -> Sequence[Any]:
    """Schedules whose pause is over, with their timings, locked and their owners held; those of others are left out."""
    owners = list(connection.execute(HOLD_OWNERS, {"now": now, "limit": limit}).scalars())
    if not owners:
        return []
    return connection.execute(DUE, {"now": now, "users": owners, "limit": limit}).all()


def resume(connection: Connection, schedule_ids: Collection[ScheduleId]) -> None:
    """Have these locked schedules planned from the end of their pause on."""
    if schedule_ids:
        connection.execute(RESUME, {"ids": list(schedule_ids)})


def refuse(connection: Connection, refused: Sequence[tuple[ScheduleId, str]], now: datetime) -> None:
    """Leave these locked schedules paused; the note of each is what its owner reads."""
    if refused:
        connection.execute(REFUSE, bound(_refused, refused) | {"now": now})
