"""What a user may have of each thing, and how often a schedule may come. Pure."""

from datetime import datetime
from enum import StrEnum

from shared import cron
from shared.errors import Fault
from shared.intervals import interval_seconds
from shared.schedule import ScheduleType, ScheduleUnit, Timing
from shared.user import Plan

MAX_CALENDARS = 100
MAX_PRESETS = 200
MAX_KEYS = 100
MAX_JOBS = 100
# The oldest ends when one more begins: old scripts log in whenever they run, and never out.
MAX_SESSIONS = 100
# Of each session: used ones show a theft. A month of refreshing every quarter of an hour.
MAX_REFRESH_TOKENS = 3000
# Runs that were asked for and wait for their user's share.
MAX_WAITING = 10_000

LARGER = "or choose a plan that allows more (PUT /user/plan)"


class Kept(StrEnum):
    """What a user has some of."""

    SCHEDULES = "schedules"
    ACTIONS = "actions"
    CALENDARS = "calendars"
    PRESETS = "job templates"
    KEYS = "API keys"
    BACKFILLS = "backfills that wait"
    WAITING = "triggers that wait for a share"


_FIXED = {
    Kept.CALENDARS: MAX_CALENDARS,
    Kept.PRESETS: MAX_PRESETS,
    Kept.KEYS: MAX_KEYS,
    Kept.BACKFILLS: MAX_WAITING,
    Kept.WAITING: MAX_WAITING,
}
_BY_PLAN = {Kept.SCHEDULES: "max_schedules", Kept.ACTIONS: "max_actions"}
_PASSING = (Kept.BACKFILLS, Kept.WAITING)


def limit_of(kept: Kept, plan: Plan) -> int:
    """How many of them the plan allows."""
    return int(getattr(plan, _BY_PLAN[kept])) if kept in _BY_PLAN else _FIXED[kept]


def too_many(kept: Kept, plan: Plan, more: int = 1) -> Fault:
    """One more than there may be: which limit, how large, and what to do."""
    limit = f"{limit_of(kept, plan):,} {kept}"
    if kept in _PASSING:
        return Fault(_field(kept), f"you may have {limit}, and {more:,} more are too many; wait until some have run")
    if kept in _BY_PLAN:
        return Fault(_field(kept), f"the plan {plan.name} allows {limit}, and you have as many: delete some, {LARGER}")
    return Fault(_field(kept), f"you may have {limit}, and you have as many: delete some that you do not need")


def over(plan: Plan) -> Fault:
    """Why nothing can go on of who has more schedules than the plan allows by now."""
    allowed = f"the plan {plan.name} allows {plan.max_schedules:,} schedules, and you have more"
    return Fault("max_schedules", f"{allowed}: delete some before you resume others, {LARGER}")


def does_not_fit(kept: Kept, plan: Plan, has: int) -> Fault:
    """Why nobody with so many of them can move to the plan."""
    limit = limit_of(kept, plan)
    over = f"delete {has - limit:,} of them first"
    return Fault(_field(kept), f"you have {has:,} {kept}, and the plan {plan.name} allows {limit:,}: {over}")


def too_often(timing: Timing, plan: Plan, now: datetime) -> list[Fault]:
    """What is wrong with a readable timing that comes more often than the plan allows. Raises ``ValueError``."""
    gap = smallest_gap(timing, now) if plan.min_interval_seconds > 1 else None
    if gap is None or gap >= plan.min_interval_seconds:
        return []
    allowed = f"the plan {plan.name} allows every {plan.min_interval_seconds} seconds at most"
    return [Fault("schedule_value", f"comes again after {gap} seconds, and {allowed}: make it rarer, {LARGER}")]


def smallest_gap(timing: Timing, now: datetime) -> int | None:
    """The seconds between two occurrences where they are closest; None when there is but one.

    By the expression on its wall clock, or by the interval: jitter and calendars move occurrences, and add none.
    """
    if timing.schedule_type is ScheduleType.ABSOLUTE:
        return None
    if timing.schedule_unit is not ScheduleUnit.CRON:
        return interval_seconds(timing.schedule_value, timing.schedule_unit)
    gap = cron.smallest_gap(cron.read(timing.schedule_value, timing.seed), now.replace(tzinfo=None))
    return None if gap is None else int(gap.total_seconds())


def _field(kept: Kept) -> str:
    return _BY_PLAN.get(kept, kept.name.lower())
