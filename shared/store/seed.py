"""Rows that every installation has: the plans and the built-in job templates."""

from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from shared.runners.registry import BUILT_IN
from shared.store.tables import job_templates, plans

_LIMITS = (
    *("name", "max_schedules", "min_interval_seconds", "max_in_flight", "history_days"),
    *("max_actions", "requests_per_second", "requests_at_once"),
)
PLANS = [
    {"id": number, **dict(zip(_LIMITS, limits, strict=True))}
    for number, limits in (
        (1, ("starter", 100, 1, 20, 7, 200, 10, 300)),
        (2, ("pro", 10_000, 1, 200, 30, 20_000, 30, 1_000)),
        (3, ("enterprise", 1_000_000, 1, 2_000, 365, 2_000_000, 100, 3_000)),
    )
]


def seed(connection: Connection) -> None:
    """Insert what is missing and refresh the rest; running it again changes nothing."""
    new = insert(plans).values(PLANS)
    limits = {name: new.excluded[name] for name in _LIMITS}
    connection.execute(new.on_conflict_do_update(index_elements=["id"], set_=limits))
    for name, job_type in BUILT_IN.items():
        row = insert(job_templates).values(
            name=name, job_type=name, description=job_type.description, input_schema=job_type.input_schema
        )
        described = {name: row.excluded[name] for name in ("job_type", "description", "input_schema")}
        connection.execute(row.on_conflict_do_update(index_elements=["owner_id", "name"], set_=described))
