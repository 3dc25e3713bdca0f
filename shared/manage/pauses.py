"""What a pause stops, and what its user may say of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.errors import Fault
from shared.manage.draft import Draft
from shared.trigger import TriggerKind

# A pause stops what Cronny would do by itself and what waits in a long line, not the one run asked for by hand.
PAUSABLE = (TriggerKind.PLANNED, TriggerKind.BACKFILL)
NOTHING = Draft()


def paused(note: str | None) -> str:
    """Why what a pause cancels does not run, with what its user said of it."""
    return f"the schedule was paused: {note}" if note else "the schedule was paused"


def pause_faults(fields: Mapping[str, Any], now: datetime) -> list[Fault]:
    """Whether a pause that ends by itself ends later than now."""
    resume_at: datetime | None = fields.get("resume_at")
    if resume_at is None or resume_at > now:
        return []
    return [Fault("resume_at", "must lie in the future; to have the schedule go on now, resume it")]
