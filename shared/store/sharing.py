"""SQL that says what users have on the way and who waits for a share, and takes triggers out of their lines.

A user's row is locked while his share is given out: two creators at once never give out the same one twice.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, any_, bindparam, func, literal_column, select, true

from shared.shares import NO_HOST, SHARED_SLOTS, Share
from shared.store.arrays import BIGINT, TEXT, bound, ids, rows, texts
from shared.store.tables import jobs, plans, triggers, users
from shared.user import UserId

_IN_FLIGHT = triggers.c.status.in_(["queued", "executing"])
_LIMITED = (triggers.c.status == "scheduled", triggers.c.hold == "limit")
# The first job of an action says which host a trigger calls.
ROOT = jobs.alias("root")
HOST: Any = func.coalesce(ROOT.c.host, literal_column(f"'{NO_HOST}'"))


def root_of(action_id: Any) -> Any:
    """How ``ROOT`` is joined to a table that has an action."""
    return (ROOT.c.action_id == action_id) & ROOT.c.is_root_job


def _next_user(after: Any) -> Any:
    """The next user who has somebody waiting: a look into the index, however long the line is."""
    beyond = () if after is None else (triggers.c.user_id > after,)
    return select(func.min(triggers.c.user_id)).where(*_LIMITED, *beyond).scalar_subquery()


_first_user = select(_next_user(None).label("id")).cte("waiting", recursive=True)
_each_user = _first_user.union_all(select(_next_user(_first_user.c.id)).where(_first_user.c.id.is_not(None)))
WAITING_USERS = select(_each_user.c.id).where(_each_user.c.id.is_not(None)).limit(bindparam("limit"))

LOCK = (
    select(users.c.id, plans.c.max_in_flight)
    .join(plans, plans.c.id == users.c.plan_id)
    .where(users.c.id == any_(ids("users")))
    .order_by(users.c.id)
    .with_for_update(of=users, skip_locked=True, key_share=True)
)

ON_THE_WAY = (
    select(triggers.c.user_id, func.count().label("triggers"), func.count(triggers.c.pack.distinct()).label("messages"))
    .where(triggers.c.user_id == any_(ids("users")), _IN_FLIGHT)
    .group_by(triggers.c.user_id)
)

_travelling = (
    select(triggers.c.user_id, triggers.c.pack, triggers.c.action_id)
    .where(triggers.c.user_id == any_(ids("users")), _IN_FLIGHT)
    .distinct()
    .subquery("travelling")
)
MESSAGES_OF_HOSTS = (
    select(_travelling.c.user_id, HOST.label("host"), func.count(_travelling.c.pack.distinct()).label("messages"))
    .select_from(_travelling.outerjoin(ROOT, root_of(_travelling.c.action_id)))
    .where(any_(texts("hosts")) == HOST)
    .group_by(_travelling.c.user_id, HOST)
)

_messages = select(triggers.c.user_id, triggers.c.pack).where(_IN_FLIGHT).distinct().limit(SHARED_SLOTS).subquery()
# No more than anybody asks for.
OUTSTANDING = select(func.count()).select_from(_messages)


def _next_line(user_id: Any, after: Any) -> Any:
    beyond = () if after is None else (triggers.c.held_for > after,)
    return (
        select(func.min(triggers.c.held_for)).where(triggers.c.user_id == user_id, *_LIMITED, *beyond).scalar_subquery()
    )


_asked = func.unnest(ids("users")).table_valued("id", name="asked").render_derived()
_first_line = select(_asked.c.id.label("user_id"), _next_line(_asked.c.id, None).label("line")).cte(
    "lines", recursive=True
)
_each_line = _first_line.union_all(
    select(_first_line.c.user_id, _next_line(_first_line.c.user_id, _first_line.c.line)).where(
        _first_line.c.line.is_not(None)
    )
)
LINES = select(_each_line.c.user_id, _each_line.c.line).where(_each_line.c.line.is_not(None))

_wanted = rows("wanted", user_id=BIGINT, line=TEXT, room=BIGINT)
_first = (
    select(
        triggers.c.id,
        triggers.c.user_id,
        triggers.c.alone,
        triggers.c.priority,
        triggers.c.next_attempt_at,
        triggers.c.held_for,
        triggers.c.action_id,
    )
    .where(triggers.c.user_id == _wanted.c.user_id, triggers.c.held_for == _wanted.c.line, *_LIMITED)
    .order_by(triggers.c.priority.desc(), triggers.c.next_attempt_at, triggers.c.id)
    .limit(_wanted.c.room)
    .with_for_update(skip_locked=True, key_share=True)
    .correlate(_wanted)
    .lateral("first")
)
TAKE = select(_first, HOST.label("host")).select_from(
    _wanted.join(_first, true()).outerjoin(ROOT, root_of(_first.c.action_id))
)


def waiting_users(connection: Connection, limit: int) -> list[UserId]:
    """Users of whom triggers wait for their share."""
    return list(connection.execute(WAITING_USERS, {"limit": limit}).scalars())


def lock_shares(connection: Connection, user_ids: Collection[UserId]) -> dict[UserId, Share]:
    """What these users have on the way, nobody else's to change until the transaction ends; hosts and lines are empty.

    Users whose share somebody else gives out right now are left out.
    """
    limits = {row.id: Share(row.max_in_flight) for row in connection.execute(LOCK, {"users": list(user_ids)})}
    for row in connection.execute(ON_THE_WAY, {"users": list(limits)}):
        limits[row.user_id].in_flight, limits[row.user_id].messages = row.triggers, row.messages
    return limits


def count_hosts(connection: Connection, shares: Mapping[UserId, Share], hosts: Collection[str]) -> None:
    """Fill in how many messages these users have on the way to these hosts."""
    busy = [user_id for user_id, share in shares.items() if share.messages]
    if busy:
        for row in connection.execute(MESSAGES_OF_HOSTS, {"users": busy, "hosts": list(hosts)}):
            shares[row.user_id].hosts[row.host] = row.messages


def lines(connection: Connection, user_ids: Collection[UserId]) -> list[tuple[UserId, str]]:
    """The lines of these users in which triggers wait, by the names that ``shares`` gives them."""
    if not user_ids:
        return []
    return [(row.user_id, row.line) for row in connection.execute(LINES, {"users": list(user_ids)})]


def outstanding(connection: Connection) -> int:
    """How many messages of all users are on their way, counted up to ``SHARED_SLOTS``."""
    count: int = connection.execute(OUTSTANDING).scalar_one()
    return count


def take(connection: Connection, wanted: Sequence[tuple[UserId, str, int]]) -> Sequence[Any]:
    """The first so many of each line, locked: (id, user_id, alone, priority, next_attempt_at, held_for, host)."""
    return connection.execute(TAKE, bound(_wanted, wanted)).all() if wanted else []
