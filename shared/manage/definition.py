"""Which columns of a schedule a client may write, and what an edit of them means."""

from collections.abc import Mapping
from typing import Any

from shared.schedule import Schedule

TIMING = (
    *("schedule_type", "schedule_value", "schedule_unit", "timezone", "starts_at", "ends_at"),
    *("dst_gap", "dst_fold", "jitter_seconds", "shift"),
)
# An edit of these replaces what is planned.
DEFINITION = (*TIMING, "calendar_ids", "action_id", "input", "max_runs")
# These hold from the next decision on; what is planned stays.
POLICIES = ("overlap", "catch_up", "catch_up_window_seconds")
# What is said of a pause.
PAUSE = ("pause_note", "resume_at")
DEFAULTS: Mapping[str, Any] = dict.fromkeys(TIMING[2:]) | {"timezone": "UTC", "jitter_seconds": 0}

_OWN = (
    *("name", "description", "tags", "priority", "action_id", "input", "max_runs", "calendar_ids"),
    *POLICIES,
    *PAUSE,
)


def columns(schedule: Schedule) -> dict[str, Any]:
    """Every column that a client may write, as it stands."""
    own = {name: getattr(schedule, name) for name in _OWN}
    return own | {name: getattr(schedule.timing, name) for name in TIMING}
