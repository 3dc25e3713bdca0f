"""What plans allow, held where something is added: two who add at once cannot both be the last one."""

from collections.abc import Sequence
from datetime import datetime

from shared import quotas
from shared.errors import Fault, NotSignedIn, OverQuota
from shared.quotas import Kept
from shared.schedule import ScheduleId, Timing
from shared.store import Connection
from shared.store import quotas as stored
from shared.user import Plan, UserId

NO_ACCOUNT = "This account no longer exists."
BATCH = 1000
# So many are counted within milliseconds.
COUNTED = 10_000
# So many schedules that come too often are named.
NAMED = 5


def hold(connection: Connection, user_id: UserId) -> Plan:
    """The user's plan; until the transaction ends nobody else adds to what they have, or moves them to another plan.

    Before any row is locked, so that nobody waits for each other in a ring.
    """
    stored.hold(connection, user_id)
    return plan_of(connection, user_id)


def plan_of(connection: Connection, user_id: UserId) -> Plan:
    """The same without holding anything; raises ``NotSignedIn`` when the account is gone."""
    plan = stored.find_plan(connection, user_id)
    if plan is None:
        raise NotSignedIn(NO_ACCOUNT)
    return plan


def make_room(connection: Connection, user_id: UserId, kept: Kept) -> None:
    """Hold the user's things for one more; raises ``OverQuota``."""
    check_room(connection, user_id, hold(connection, user_id), kept)


def check_room(connection: Connection, user_id: UserId, plan: Plan, kept: Kept, more: int = 1) -> None:
    """Whether so many more fit into a plan that is held; raises ``OverQuota``."""
    if not _fits(connection, user_id, plan, kept, more):
        raise OverQuota([quotas.too_many(kept, plan, more)])


def check_fit(connection: Connection, user_id: UserId, old: Plan, new: Plan, now: datetime) -> None:
    """Whether all that the user has fits where the new plan allows less than the old one; raises ``OverQuota``."""
    faults = []
    for kept in (Kept.SCHEDULES, Kept.ACTIONS):
        limit = quotas.limit_of(kept, new)
        if limit < quotas.limit_of(kept, old):
            has = stored.count(connection, user_id, kept, quotas.limit_of(kept, old) + 1)
            faults += [quotas.does_not_fit(kept, new, has)] if has > limit else []
    if new.min_interval_seconds > old.min_interval_seconds:
        faults += _too_frequent(connection, user_id, new, now)
    if faults:
        raise OverQuota(faults)


def check_not_over(connection: Connection, user_id: UserId, plan: Plan) -> None:
    """Whether schedules may be resumed: not while there are more than the plan allows. Raises ``OverQuota``."""
    if faults := _over(connection, user_id, plan):
        raise OverQuota(faults)


def resume_faults(
    connection: Connection, user_id: UserId, schedule_ids: Sequence[ScheduleId], now: datetime
) -> dict[ScheduleId, Fault]:
    """Why some of these schedules cannot go on, of a user who is held."""
    plan = plan_of(connection, user_id)
    if faults := _over(connection, user_id, plan):
        return dict.fromkeys(schedule_ids, faults[0])
    if plan.min_interval_seconds <= 1:
        return {}
    timings = stored.timings_of(connection, user_id, schedule_ids)
    found = {schedule_id: too_often(timing, plan, now) for schedule_id, timing in timings.items()}
    return {schedule_id: faults[0] for schedule_id, faults in found.items() if faults}


def too_often(timing: Timing, plan: Plan, now: datetime) -> list[Fault]:
    """What is wrong with a stored timing that comes more often than the plan allows."""
    try:
        return quotas.too_often(timing, plan, now)
    except ValueError:  # stored by a version that read it otherwise; planning it says more
        return []


def _over(connection: Connection, user_id: UserId, plan: Plan) -> list[Fault]:
    return [] if _fits(connection, user_id, plan, Kept.SCHEDULES, 0) else [quotas.over(plan)]


def _fits(connection: Connection, user_id: UserId, plan: Plan, kept: Kept, more: int) -> bool:
    """Whether so many more fit. Few are counted; of many it is remembered how much room there was at least."""
    limit = quotas.limit_of(kept, plan)
    if limit > COUNTED and stored.take_room(connection, user_id, kept, limit, more):
        return True
    left = limit - stored.count(connection, user_id, kept, limit + 1) - more
    if left >= 0 and limit > COUNTED:
        stored.leave_room(connection, user_id, kept, limit, left)
    return left >= 0


def _too_frequent(connection: Connection, user_id: UserId, plan: Plan, now: datetime) -> list[Fault]:
    """The first few of the active schedules that come more often than the plan allows."""
    found: list[ScheduleId] = []
    after = ScheduleId(0)
    while len(found) <= NAMED and (batch := stored.active_timings(connection, user_id, after, BATCH)):
        found += [schedule_id for schedule_id, timing in batch if too_often(timing, plan, now)]
        after = batch[-1][0]
    if not found:
        return []
    named = ", ".join(map(str, found[:NAMED])) + (" and others" if len(found) > NAMED else "")
    allowed = f"the plan {plan.name} allows every {plan.min_interval_seconds} seconds at most"
    return [Fault("min_interval_seconds", f"{allowed}: pause these schedules or make them rarer first: {named}")]
