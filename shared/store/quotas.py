"""SQL that says how much of each thing a user has, while nobody else can add to it.

The lock is one of the user's own that no table knows: the row of a user is what creators lock to give out shares.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, Select, any_, bindparam, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert

from shared.quotas import Kept
from shared.schedule import ScheduleId, ScheduleStatus, ScheduleType, Timing
from shared.store import timings
from shared.store.arrays import ids
from shared.store.tables import actions, api_keys, calendars, job_templates, plans, rooms, schedules, triggers, users
from shared.user import Plan, UserId

# Keys of advisory locks are numbers without names: ours begin here, and a user's is as far from it as their id.
_LOCKS = 7 << 56
_user = bindparam("user", type_=BigInteger())

HOLD = select(func.pg_advisory_xact_lock(literal_column(str(_LOCKS)) + _user))


def try_lock(user_id: Any) -> Any:
    """The condition that a user could be held: nobody waits."""
    return func.pg_try_advisory_xact_lock(literal_column(str(_LOCKS)) + user_id)


PLAN = select(plans).join(users, users.c.plan_id == plans.c.id).where(users.c.id == _user)


def _count(*where: Any) -> Select[Any]:
    """So many rows, counted no further than is asked for."""
    some = select(literal_column("1")).where(*where).limit(bindparam("limit")).subquery()
    return select(func.count()).select_from(some)


COUNTS: Mapping[Kept, Select[Any]] = {
    Kept.SCHEDULES: _count(schedules.c.user_id == _user, schedules.c.deleted_at.is_(None)),
    Kept.ACTIONS: _count(actions.c.user_id == _user),
    Kept.CALENDARS: _count(calendars.c.user_id == _user),
    # By its owner, who is in an index; built-in ones are nobody's.
    Kept.PRESETS: _count(job_templates.c.owner_id == _user),
    Kept.KEYS: _count(api_keys.c.user_id == _user),
    Kept.BACKFILLS: _count(
        triggers.c.user_id == _user, triggers.c.status == literal_column("'scheduled'"), triggers.c.kind == "backfill"
    ),
    Kept.WAITING: _count(
        triggers.c.user_id == _user, triggers.c.status == literal_column("'scheduled'"), triggers.c.hold == "limit"
    ),
}
_this_room = (rooms.c.user_id == _user, rooms.c.kept == bindparam("of_kept"))
TAKE_ROOM = (
    update(rooms)
    .where(*_this_room, rooms.c.of_limit == bindparam("limit"), rooms.c.room >= bindparam("more"))
    .values(room=rooms.c.room - bindparam("more"))
)
_found = insert(rooms).values(
    user_id=_user, kept=bindparam("of_kept"), of_limit=bindparam("limit"), room=bindparam("left")
)
LEAVE_ROOM = _found.on_conflict_do_update(
    index_elements=["user_id", "kept"], set_={"of_limit": _found.excluded.of_limit, "room": _found.excluded.room}
)
_ACTIVE = (
    schedules.c.user_id == _user,
    schedules.c.deleted_at.is_(None),
    schedules.c.schedule_type != ScheduleType.ABSOLUTE.value,
    schedules.c.schedule_status.in_([ScheduleStatus.PENDING.value, ScheduleStatus.PROCESSING.value]),
)
ACTIVE = (
    select(schedules.c.id, *timings.COLUMNS)
    .where(*_ACTIVE, schedules.c.id > bindparam("after"))
    .order_by(schedules.c.id)
    .limit(bindparam("limit"))
)
THESE = select(schedules.c.id, *timings.COLUMNS).where(schedules.c.user_id == _user, schedules.c.id == any_(ids("ids")))
# Whether somebody has more schedules than the plan allows; not, where there was room when it was counted last.
_counted: Select[Any] = select(literal_column("1")).where(
    rooms.c.user_id == users.c.id, rooms.c.kept == Kept.SCHEDULES.value, rooms.c.of_limit == plans.c.max_schedules
)
_beyond: Select[Any] = (
    select(literal_column("1"))
    .where(schedules.c.user_id == users.c.id, schedules.c.deleted_at.is_(None))
    .order_by(schedules.c.id)
    .offset(plans.c.max_schedules)
    .limit(1)
)
STANDINGS = (
    select(users.c.id.label("user_id"), (~_counted.exists() & _beyond.exists()).label("over"), plans)
    .join(plans, users.c.plan_id == plans.c.id)
    .where(users.c.id == any_(ids("users")))
)


def hold(connection: Connection, user_id: UserId) -> None:
    """Let nobody else add to what the user has until the transaction ends. Before any row is locked."""
    connection.execute(HOLD, {"user": user_id})


def find_plan(connection: Connection, user_id: UserId) -> Plan | None:
    """The user's plan."""
    row = connection.execute(PLAN, {"user": user_id}).one_or_none()
    return Plan(**row._mapping) if row else None


def standings(connection: Connection, user_ids: Collection[UserId]) -> dict[UserId, tuple[Plan, bool]]:
    """The plans of these users, and whether each has more schedules than it allows."""
    found = {}
    for row in connection.execute(STANDINGS, {"users": list(user_ids)}):
        columns = {name: value for name, value in row._mapping.items() if name not in ("user_id", "over")}
        found[row.user_id] = (Plan(**columns), row.over)
    return found


def count(connection: Connection, user_id: UserId, kept: Kept, limit: int) -> int:
    """How many the user has, counted up to ``limit``."""
    return int(connection.execute(COUNTS[kept], {"user": user_id, "limit": limit}).scalar_one())


def take_room(connection: Connection, user_id: UserId, kept: Kept, limit: int, more: int) -> bool:
    """Whether so many more fit for sure, by what was counted last under this limit; then that is so many less."""
    parameters = {"user": user_id, "of_kept": kept.value, "limit": limit, "more": more}
    return connection.execute(TAKE_ROOM, parameters).rowcount == 1


def leave_room(connection: Connection, user_id: UserId, kept: Kept, limit: int, left: int) -> None:
    """Remember what was counted: what is deleted later is found when it is counted again."""
    connection.execute(LEAVE_ROOM, {"user": user_id, "of_kept": kept.value, "limit": limit, "left": left})


def active_timings(
    connection: Connection, user_id: UserId, after: ScheduleId, limit: int
) -> list[tuple[ScheduleId, Timing]]:
    """The timings of active schedules that come more than once, by id."""
    rows = connection.execute(ACTIVE, {"user": user_id, "after": after, "limit": limit})
    return [(row.id, timings.timing(row)) for row in rows]


def timings_of(connection: Connection, user_id: UserId, schedule_ids: Sequence[ScheduleId]) -> dict[ScheduleId, Timing]:
    """The timings of these schedules of the user."""
    rows = connection.execute(THESE, {"user": user_id, "ids": list(schedule_ids)})
    return {row.id: timings.timing(row) for row in rows}
