"""A user's numbers over the wire."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from typing_extensions import TypedDict

from chalicelib.wire.described import told
from shared.manage.dashboard import Dashboard
from shared.trigger import TriggerStatus


class TotalsJson(TypedDict):
    """How many you have."""

    schedules: Annotated[int, told("Schedules.")]
    actions: Annotated[int, told("Actions.")]
    jobs: Annotated[int, told("Jobs of all actions.")]
    job_templates: Annotated[int, told("Your presets.")]
    triggers: Annotated[int, told("Triggers whose details are kept.")]


class ActivityJson(TypedDict):
    """A trigger that is on its way or has ended lately."""

    id: int
    schedule_id: Annotated[int, told("Its schedule.")]
    name: Annotated[str, told("The schedule's name.")]
    due_at: Annotated[datetime, told("When it was to run.")]
    status: Annotated[TriggerStatus, told("Where it stands.")]
    reason: Annotated[str | None, told("Why it did not complete, or has not yet.")]
    started_at: Annotated[datetime | None, told("When it began.")]
    finished_at: Annotated[datetime | None, told("When it ended.")]


class HourJson(TypedDict):
    """What was due in an hour."""

    hour: Annotated[datetime, told("When the hour begins.")]
    fires: Annotated[int, told("How many ran.")]
    failed: Annotated[int, told("How many of them failed.")]


class StatsJson(TypedDict):
    """Your numbers, each counted up to ``counted_up_to``."""

    totals: Annotated[TotalsJson, told("How many there are.")]
    job_types: Annotated[Mapping[str, int], told("How many jobs there are of each type.")]
    schedule_statuses: Annotated[Mapping[str, int], told("How many schedules there are of each status.")]
    recent_activity: Annotated[Sequence[ActivityJson], told("What is on its way, then what ended last: 20 triggers.")]
    success_rate: Annotated[float | None, told("0 to 1; null where nothing ran.")]
    completed: Annotated[int, told("Of what was due in the last 24 hours.")]
    failed: Annotated[int, told("Of what was due in the last 24 hours.")]
    skipped: Annotated[int, told("Of what was due in the last 24 hours.")]
    lateness_p50_seconds: Annotated[float | None, told("From the due time to the start, of every second one.")]
    lateness_p99_seconds: Annotated[float | None, told("The same, of all but one in a hundred.")]
    fires_per_hour: Annotated[Sequence[HourJson], told("24 hours, by due time.")]
    overdue: Annotated[int, told("Due for more than 5 seconds and still scheduled.")]
    queued: Annotated[int, told("Handed to the executors.")]
    executing: Annotated[int, told("Running.")]
    queue_age_seconds: Annotated[float | None, told("For how long the oldest has been queued.")]
    open_breakers: Annotated[int, told("Hosts that are left alone.")]
    covers_since: Annotated[datetime, told("Where the rates and hours begin.")]
    counted_up_to: Annotated[int, told("No number counts further than this.")]


def to_json(stats: Dashboard) -> dict[str, Any]:
    """What a client reads: ``StatsJson``."""
    return asdict(stats)
