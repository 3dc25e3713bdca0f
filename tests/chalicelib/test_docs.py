"""docs/api.md says what there is, and nothing else."""

import re
from pathlib import Path

import app
from chalicelib import bodies
from chalicelib.wire.actions import ActionFields
from chalicelib.wire.calendars import CalendarFields
from chalicelib.wire.drafts import Wire
from chalicelib.wire.job_templates import JobTemplateFields
from chalicelib.wire.jobs import JobFields
from chalicelib.wire.schedules import ScheduleFields
from chalicelib.wire.secrets import SecretFields
from chalicelib.wire.users import PlanChoice, ProfileFields, Registration
from shared import quotas, rates
from shared.manage import once
from shared.store.seed import PLANS
from tests.chalicelib.client import BASE

DOCS = (Path(app.__file__).parent / "docs" / "api.md").read_text("utf-8")


def test_every_route_is_described_and_every_described_one_exists() -> None:
    routes = {path.removeprefix(BASE) for path in app.app.routes}
    mentioned = set(re.findall(r"`[^`\n]*?(/[a-z_/{}.]*)[^`\n]*`", DOCS)) - {"/api/cronny/v"}
    assert routes - mentioned == set()
    assert {path for path in mentioned if "{" in path} <= routes


def test_every_field_that_can_be_written_is_described() -> None:
    models: list[type[Wire]] = [
        *(ActionFields, JobTemplateFields, JobFields, ScheduleFields, CalendarFields, SecretFields),
        *(Registration, ProfileFields, PlanChoice),
    ]
    for model in models:
        missing = [name for name in model.model_fields if f"`{name}`" not in DOCS]
        assert missing == [], model


def cells(of: str, begin: int = 1) -> list[str]:
    """The numbers of a row of the section on limits, without commas."""
    section = DOCS.partition("## Limits")[2].partition("## Accounts")[0]
    (row,) = [line for line in section.splitlines() if line.startswith(f"| {of}")]
    return re.findall(r"\d+", "|".join(row.split("|")[begin + 1 :]).replace(",", ""))


def test_the_limits_of_plans_are_described() -> None:
    for name in ("max_schedules", "max_actions", "min_interval_seconds", "max_in_flight", "history_days"):
        assert cells(f"`{name}`") == [str(plan[name]) for plan in PLANS]
    rows = ("a user, by all their tokens and keys: starter", "the same: pro", "the same: enterprise")
    for row, plan in zip(rows, PLANS, strict=True):
        assert cells(row) == [str(plan["requests_at_once"]), str(plan["requests_per_second"])]


def test_the_limits_of_everybody_are_described() -> None:
    for row, rate in (("an address (in", rates.OF_ADDRESS), ("an address, besides", rates.OF_SIGN_IN)):
        assert cells(row)[:2] == [str(rate.burst), f"{rate.per_second:g}"]
    described: dict[str, list[int]] = {
        "jobs of an action": [quotas.MAX_JOBS],
        "calendars": [quotas.MAX_CALENDARS],
        "presets": [quotas.MAX_PRESETS],
        "API keys": [quotas.MAX_KEYS],
        "backfills that wait": [quotas.MAX_WAITING],
        "triggers that wait": [quotas.MAX_WAITING],
        "sessions": [quotas.MAX_SESSIONS],
        "answers kept": [once.MAX_KEPT, once.MAX_KEPT_BYTES // 1024**2, int(once.KEPT.total_seconds()) // 3600],
    }
    for row, limits in described.items():
        assert cells(row) == [str(limit) for limit in limits], row
    assert f"At most {bodies.MAX_BYTES // 1024} KB" in DOCS
    assert f"{bodies.MAX_DEPTH} levels, names of {bodies.MAX_NAME:,} characters" in DOCS
