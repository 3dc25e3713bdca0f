"""Prints each fire as one line: when it was due, of which schedule, how late it started, how it ended."""

from datetime import datetime, timedelta

from shared.errors import Unavailable
from shared.store.engine import Database
from shared.store.fires import Fire, finished_since

# Transactions become visible in another order than their times say; nothing stays open longer than this.
OVERLAP = timedelta(seconds=30)


class Follower:
    """Asks the database what ended since it was asked before, beginning at `begin`."""

    def __init__(self, begin: datetime) -> None:
        self._begin = begin
        self._since = begin
        self._seen: dict[int, datetime] = {}

    def lines(self, database: Database) -> list[str]:
        """A line for each trigger that ended meanwhile; none while the database is away."""
        try:
            with database.begin() as connection:
                fires = finished_since(connection, max(self._begin, self._since - OVERLAP))
        except Unavailable:
            return []
        new = [fire for fire in fires if fire.id not in self._seen]
        self._remember(fires)
        return [line(fire) for fire in new]

    def _remember(self, fires: list[Fire]) -> None:
        self._seen |= {fire.id: fire.finished_at for fire in fires}
        self._since = max([self._since, *(fire.finished_at for fire in fires)])
        self._seen = {key: at for key, at in self._seen.items() if at > self._since - OVERLAP}


def line(fire: Fire) -> str:
    """One fire for people's eyes, in local time."""
    parts = [
        fire.due_at.astimezone().strftime("%H:%M:%S"),
        _lateness(fire),
        f"{fire.status:<9}",
        fire.schedule,
        f"(attempt {fire.attempt})" if fire.attempt > 1 else "",
        f"- {fire.reason}" if fire.reason else "",
    ]
    return "  ".join(part for part in parts if part)


def _lateness(fire: Fire) -> str:
    if fire.started_at is None:
        return " " * 9
    return f"{(fire.started_at - fire.due_at).total_seconds():+7.2f} s"
