"""A virtual run: a local cloud of its own that believes in another time, and in a faster one."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infra.local.home import Home, LocalCloudError
from shared.store.virtual_clock import MAX_SPEED, MIN_SPEED

SPEED = 60
CRON, ZONE = "30 2 * * *", "Europe/Berlin"
EXAMPLE = "make run AT=2027-03-28T00:55Z SPEED=600"


@dataclass(frozen=True)
class VirtualRun:
    """When it begins, in UTC, how many times as fast time goes then, and the schedule that is tried."""

    at: datetime
    speed: int = SPEED
    cron: str = CRON
    zone: str = ZONE

    @classmethod
    def of(cls, at: str | None, speed: str | None, cron: str | None, zone: str | None) -> "VirtualRun | None":
        """What the command line asks for; None when it asks for no virtual time. Raises LocalCloudError."""
        if not at:
            if speed or cron or zone:
                raise LocalCloudError(f"SPEED, CRON and ZONE go with AT, the time to begin at: {EXAMPLE}")
            return None
        for name in ("DB_HOST", "AWS_ENDPOINT_URL"):
            if os.environ.get(name):
                raise LocalCloudError(f"A virtual run makes a database and a cloud of its own; unset {name} for it.")
        return cls(_instant(at), _speed(speed) if speed else SPEED, cron or CRON, zone or ZONE)

    @property
    def schedules(self) -> Sequence[Mapping[str, Any]]:
        """The schedule to try, and one that shows how the hours of its zone go by."""
        timing = {"schedule_type": "recurring", "schedule_unit": "cron", "timezone": self.zone}
        return [
            {"name": f"{self.cron} in {self.zone}", "schedule_value": self.cron, **timing},
            {"name": f"every hour in {self.zone}", "schedule_value": "0 * * * *", **timing},
        ]


def home_of(home: Home) -> Home:
    """Where a virtual run keeps its data: beside what is worth keeping, for every run begins by deleting it."""
    path = home.path / "virtual"
    path.mkdir(exist_ok=True)
    return Home(path)


def _instant(at: str) -> datetime:
    try:
        instant = datetime.fromisoformat(at)
    except ValueError as error:
        raise LocalCloudError(f"AT={at} is no instant; write one like this: {EXAMPLE}") from error
    if instant.tzinfo is None:
        raise LocalCloudError(f"AT={at} has no zone; end it with Z or an offset such as +02:00: {EXAMPLE}")
    return instant.astimezone(UTC)


def _speed(speed: str) -> int:
    if not (speed.isascii() and speed.isdecimal()) or not MIN_SPEED <= int(speed[:9]) <= MAX_SPEED:
        raise LocalCloudError(f"SPEED={speed} must be a whole number from {MIN_SPEED} to {MAX_SPEED}: {EXAMPLE}")
    return int(speed)
