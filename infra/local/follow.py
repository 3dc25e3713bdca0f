"""Prints each fire as one line: when it was due, of which schedule, how late it started, how it ended."""

from datetime import datetime, timedelta

from shared.cron import zone
from shared.errors import Unavailable
from shared.store.engine import Database
from shared.store.fires import Fire, finished_since

# Transactions become visible in another order than their times say; nothing stays open longer than this.
OVERLAP = timedelta(seconds=30)


class Follower:
    """Asks the database what ended since it was asked before, beginning at `begin`.

    `speed` is that of a virtual clock, by which `begin` is, too; None for the real time.
    """

    def __init__(self, begin: datetime, speed: int | None = None) -> None:
        self._begin = begin
        self._speed = speed
        self._overlap = OVERLAP * (speed or 1)
        self._since = begin
        self._seen: dict[int, datetime] = {}

    def lines(self, database: Database) -> list[str]:
        """A line for each trigger that ended meanwhile; none while the database is away."""
        try:
            with database.begin() as connection:
                fires = finished_since(connection, max(self._begin, self._since - self._overlap))
        except Unavailable:
            return []
        new = [fire for fire in fires if fire.id not in self._seen]
        self._remember(fires)
        return [line(fire, self._speed) for fire in new]

    def _remember(self, fires: list[Fire]) -> None:
        self._seen |= {fire.id: fire.finished_at for fire in fires}
        self._since = max([self._since, *(fire.finished_at for fire in fires)])
        self._seen = {key: at for key, at in self._seen.items() if at > self._since - self._overlap}


def line(fire: Fire, speed: int | None = None) -> str:
    """One fire for people's eyes: in local time, or in a virtual run in its schedule's zone; late by real seconds."""
    virtual_due = fire.due_at.astimezone(zone(fire.timezone)).isoformat(sep=" ") if speed else ""
    parts = [
        virtual_due or fire.due_at.astimezone().strftime("%H:%M:%S"),
        _lateness(fire, speed or 1),
        f"{fire.status:<9}",
        fire.schedule,
        f"(attempt {fire.attempt})" if fire.attempt > 1 else "",
        f"- {fire.reason}" if fire.reason else "",
    ]
    return "  ".join(part for part in parts if part)


def _lateness(fire: Fire, speed: int) -> str:
    if fire.started_at is None:
        return " " * 9
    return f"{(fire.started_at - fire.due_at).total_seconds() / speed:+7.2f} s"
