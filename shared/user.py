"""Users, who own everything else, and the plans that bound what they may use."""

from dataclasses import dataclass
from datetime import datetime
from typing import NewType

UserId = NewType("UserId", int)
PlanId = NewType("PlanId", int)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a user may use. ``history_days``: how long outcomes stay listed; ``requests_at_once``: after a rest."""

    id: PlanId
    name: str
    max_schedules: int
    min_interval_seconds: int
    max_in_flight: int
    history_days: int
    max_actions: int
    requests_per_second: int
    requests_at_once: int


@dataclass(frozen=True, slots=True)
class User:
    """An account as its owner sees it; the password hash never leaves the store."""

    id: UserId
    username: str
    email: str
    plan_id: PlanId
    first_name: str | None
    last_name: str | None
    address: str | None
    city: str | None
    state: str | None
    country: str | None
    zip_code: str | None
    phone: str | None
    created_at: datetime
    updated_at: datetime
