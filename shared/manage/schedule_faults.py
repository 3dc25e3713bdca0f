"""What is wrong with a schedule that a user sent, beyond what its fields say for themselves."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared import quotas
from shared.action import ActionId
from shared.errors import Fault
from shared.manage.definition import TIMING
from shared.manage.draft import Draft
from shared.schedule import ScheduleType, ScheduleUnit, Timing
from shared.store import Connection, actions, calendars
from shared.timing_faults import check, check_zone
from shared.user import Plan, UserId


def timing_faults(draft: Draft, row: Mapping[str, Any], plan: Plan, now: datetime) -> list[Fault]:
    """What is wrong with the timetable, as far as its fields were sent and understood, and that the plan allows it."""
    if not draft.understood(*TIMING) or not {"schedule_type", "schedule_value"} <= row.keys():
        return check_zone(row["timezone"]) if draft.understood("timezone") else []
    if row["schedule_unit"] is not None and row["schedule_unit"] not in list(ScheduleUnit):
        return [Fault("schedule_unit", f"must be one of {', '.join(ScheduleUnit)}")]
    timing = timing_of(row)
    return check(timing, now) or quotas.too_often(timing, plan, now)


def timing_of(row: Mapping[str, Any]) -> Timing:
    """The timing that a row of columns says; raises ``ValueError``."""
    unit = ScheduleUnit(row["schedule_unit"]) if row["schedule_unit"] else None
    rest = {name: row[name] for name in (*TIMING, "anchor")}
    return Timing(**rest | {"schedule_type": ScheduleType(row["schedule_type"]), "schedule_unit": unit})


def calendar_faults(connection: Connection, user_id: UserId, draft: Draft) -> list[Fault]:
    """Which calendars are not the user's; the others are held, before the schedule as everywhere."""
    wanted = draft.fields.get("calendar_ids", ())
    known = calendars.hold(connection, user_id, sorted(set(wanted)))
    places = [number for number, calendar_id in enumerate(wanted) if calendar_id not in known]
    return [Fault(f"calendar_ids[{number}]", "there is no such calendar") for number in places]


def action_faults(connection: Connection, user_id: UserId, draft: Draft) -> list[Fault]:
    """Whether the action is the user's."""
    if "action_id" not in draft.fields:
        return []
    action = actions.find(connection, user_id, ActionId(draft.fields["action_id"]))
    return [] if action else [Fault("action_id", "there is no such action")]
