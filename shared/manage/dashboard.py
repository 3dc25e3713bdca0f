"""A user's numbers at a glance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.services import Services
from shared.store import dashboard
from shared.store.dashboard import Stats
from shared.user import UserId

DAY = timedelta(hours=24)
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Rates cover what was due in the last 24 hours and has ended. Times in seconds; ``success_rate`` from 0 to 1;
    None where nothing ran.

    No number counts further than ``counted_up_to``. When more than that ended, rates begin at ``covers_since``.
    """

    totals: Mapping[str, int]
    job_types: Mapping[str, int]
    schedule_statuses: Mapping[str, int]
    recent_activity: Sequence[Mapping[str, Any]]
    success_rate: float | None
    completed: int
    failed: int
    skipped: int
    lateness_p50_seconds: float | None
    lateness_p99_seconds: float | None
    fires_per_hour: Sequence[Mapping[str, Any]]
    overdue: int
    queued: int
    executing: int
    queue_age_seconds: float | None
    open_breakers: int
    covers_since: datetime
    counted_up_to: int


def get_stats(services: Services, user_id: UserId) -> Dashboard:
    """The caller's numbers now."""
    now = services.clock.now()
    first_hour = now.replace(minute=0, second=0, microsecond=0) - DAY + HOUR
    with services.database.begin() as connection:
        stats = dashboard.read(connection, user_id, now, now - DAY)
    queued_since = stats.backlog["queued_since"]
    return Dashboard(
        totals=stats.totals,
        job_types=stats.job_types,
        schedule_statuses=stats.schedule_statuses,
        recent_activity=stats.recent,
        success_rate=_rate(stats.day["completed"], stats.day["failed"]),
        completed=stats.day["completed"],
        failed=stats.day["failed"],
        skipped=stats.day["skipped"],
        lateness_p50_seconds=_seconds(stats.day["p50"]),
        lateness_p99_seconds=_seconds(stats.day["p99"]),
        fires_per_hour=_hours(stats, first_hour),
        overdue=stats.backlog["overdue"],
        queued=stats.backlog["queued"],
        executing=stats.backlog["executing"],
        queue_age_seconds=_seconds((now - queued_since).total_seconds()) if queued_since else None,
        open_breakers=stats.open_breakers,
        covers_since=stats.covers_since,
        counted_up_to=dashboard.CAP,
    )


def _hours(stats: Stats, first: datetime) -> list[dict[str, Any]]:
    """24 whole hours, the current one last, whether anything fired in them or not."""
    hours = [first + number * HOUR for number in range(24)]
    counted = [(hour, *stats.hours.get(hour, (0, 0))) for hour in hours]
    return [{"hour": hour, "fires": fires, "failed": failed} for hour, fires, failed in counted]


def _rate(completed: int, failed: int) -> float | None:
    return round(completed / (completed + failed), 4) if completed + failed else None


def _seconds(value: float | None) -> float | None:
    return None if value is None else round(max(float(value), 0.0), 3)
