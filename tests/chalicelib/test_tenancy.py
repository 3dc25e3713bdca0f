"""Nobody sees, changes or points at what is another user's: every route with an id, from the table of routes itself."""

from typing import Any

import pytest
from sqlalchemy import Engine

from shared.services import Services
from shared.user import UserId
from tests.chalicelib.client import BASE, Client
from tests.chalicelib.conftest import HTTP_INPUT, make_action, make_job
from tests.chalicelib.test_history import World
from tests.world import new_breaker


@pytest.fixture
def ids(alice: Client, engine: Engine, services: Services) -> dict[str, Any]:
    """Alice's, one of each, by the name that paths give them."""
    world = World(alice, engine, services.clock.now())
    trigger_id = world.trigger("completed", 60)
    new_breaker(services, UserId(alice.get("auth/me").json["user"]["id"]), "api.example.org:443")
    template = alice.post("job_templates", {"name": "mine", "job_type": "http"}).json["job_template"]
    return {
        "schedule_id": world.schedule_id,
        "action_id": world.action_id,
        "job_id": world.job_id,
        "template_id": template["id"],
        "calendar_id": alice.post("calendars", {"name": "mine"}).json["calendar"]["id"],
        "secret_id": alice.post("secrets", {"name": "MINE", "value": "opensesame"}).json["secret"]["id"],
        "trigger_id": trigger_id,
        "execution_id": world.execution(trigger_id),
        "host": "api.example.org%3A443",
        "key_id": alice.post("user/keys", {"name": "mine", "scopes": ["read"]}).json["key"]["id"],
    }


def test_every_route_with_an_id_answers_404_for_anothers_and_for_none(
    bob: Client, alice: Client, ids: dict[str, Any]
) -> None:
    patterns = [(path, method) for path, methods in bob.app.routes.items() if "{" in path for method in methods]
    assert len(patterns) >= 20
    lists = (
        "schedules",
        "actions",
        "job_templates",
        "calendars",
        "secrets",
        "triggers",
        "job_executions",
        "breakers",
        "user/keys",
    )
    before = [alice.get(path).text for path in lists]
    for pattern, method in patterns:
        path = pattern.removeprefix(f"{BASE}/")
        name = path.split("{")[1].split("}")[0]
        for wrong in (ids[name], 999_999, 2**63, 10**30, 0, -1, "x", "1%00", "%20", "1.0"):
            answer = bob.send(method, path.replace(f"{{{name}}}", str(wrong)), {"name": "stolen"})
            assert answer.status == 404, (method, path, wrong, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
    after = [alice.get(path).text for path in lists]
    assert before == after


def test_every_route_but_the_public_ones_asks_who_is_calling(nobody: Client) -> None:
    of_auth = {f"{BASE}/auth/{name}" for name in ("register", "login", "refresh", "google")}
    public = {"/", "/health", "/health/ready", "/metrics", "/openapi.json", "/docs", *of_auth}
    asked = [(path, method) for path, methods in nobody.app.routes.items() if path not in public for method in methods]
    answers = {(path, method): nobody.send(method, path.removeprefix(f"{BASE}/"), {}).status for path, method in asked}
    assert answers == dict.fromkeys(asked, 401)


def test_lists_show_only_ones_own(bob: Client, ids: dict[str, int]) -> None:
    assert bob.get("schedules").json["schedules"] == []
    assert bob.get("actions").json["actions"] == []
    assert bob.get("calendars").json["calendars"] == []
    assert bob.get("secrets").json["secrets"] == []
    assert bob.get("breakers").json["breakers"] == []
    assert bob.get("triggers", schedule_id=ids["schedule_id"]).json["triggers"] == []
    assert bob.get("job_executions", job_id=ids["job_id"]).json["job_executions"] == []
    assert bob.get("jobs", action_id=ids["action_id"]).json["jobs"] == []
    assert all(template["built_in"] for template in bob.get("job_templates").json["job_templates"])


def test_nothing_of_ones_own_can_point_at_anothers(bob: Client, ids: dict[str, int]) -> None:
    schedule: dict[str, Any] = {"name": "s", "schedule_type": 3, "schedule_value": 5, "schedule_unit": "second"}
    assert set(bob.post("schedules", {**schedule, "action_id": ids["action_id"]}).fields) == {"action_id"}
    job = {"name": "j", "job_type": "http", "job_input_value": HTTP_INPUT}
    assert set(bob.post("jobs", {**job, "action_id": ids["action_id"]}).fields) == {"action_id"}
    own_action = make_action(bob)
    by_template = {**job, "action_id": own_action, "job_template_id": ids["template_id"]}
    assert set(bob.post("jobs", by_template).fields) == {"job_template_id"}
    own_job = make_job(bob, own_action)
    condition = {"condition_rules": [{"job_id": ids["job_id"]}]}
    assert set(bob.put(f"jobs/{own_job['id']}", {"condition": condition}).fields) == {
        "condition.condition_rules[0].job_id"
    }
    assert set(bob.put(f"jobs/{own_job['id']}", {"on_failure_job_id": ids["job_id"]}).fields) == {"on_failure_job_id"}
    takes = {"job_input_type": "job_output_as_input", "job_input_value": ids["job_id"]}
    assert set(bob.put(f"jobs/{own_job['id']}", takes).fields) == {"job_input_value"}


def test_a_body_cannot_give_a_thing_to_somebody_else(alice: Client, bob: Client) -> None:
    alices = alice.get("auth/me").json["user"]["id"]
    action_id = bob.post("actions", {"name": "a", "user_id": alices}).json["action"]["id"]
    bob.put(f"actions/{action_id}", {"user_id": alices})
    assert alice.get(f"actions/{action_id}").status == 404
    assert bob.get(f"actions/{action_id}").status == 200
