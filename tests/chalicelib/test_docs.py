"""docs/api.md says what there is, and nothing else."""

import re
from pathlib import Path

import app
from chalicelib.wire.actions import ActionFields
from chalicelib.wire.calendars import CalendarFields
from chalicelib.wire.drafts import Wire
from chalicelib.wire.job_templates import JobTemplateFields
from chalicelib.wire.jobs import JobFields
from chalicelib.wire.schedules import ScheduleFields
from chalicelib.wire.users import PlanChoice, ProfileFields, Registration
from tests.chalicelib.client import BASE

DOCS = (Path(app.__file__).parent / "docs" / "api.md").read_text("utf-8")


def test_every_route_is_described_and_every_described_one_exists() -> None:
    routes = {path.removeprefix(BASE) for path in app.app.routes}
    mentioned = set(re.findall(r"`[^`\n]*?(/[a-z_/{}.]*)[^`\n]*`", DOCS)) - {"/api/cronny/v"}
    assert routes - mentioned == set()
    assert {path for path in mentioned if "{" in path} <= routes


def test_every_field_that_can_be_written_is_described() -> None:
    models: list[type[Wire]] = [
        *(ActionFields, JobTemplateFields, JobFields, ScheduleFields, CalendarFields),
        *(Registration, ProfileFields, PlanChoice),
    ]
    for model in models:
        missing = [name for name in model.model_fields if f"`{name}`" not in DOCS]
        assert missing == [], model
