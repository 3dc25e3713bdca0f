"""Actions and job templates over HTTP."""

from typing import Any

import pytest

from shared.runners.registry import BUILT_IN
from tests.chalicelib.client import Client
from tests.chalicelib.conftest import make_action, make_job, make_schedule


def test_an_action_is_created_read_changed_and_deleted(alice: Client) -> None:
    action = alice.post("actions", {"name": "a", "description": "d", "user_id": 5}).json["action"]
    path = f"actions/{action['id']}"
    assert alice.get(path).json["action"] == action
    assert (action["name"], action["description"], action["jobs"]) == ("a", "d", [])
    changed = alice.put(path, {"name": "b"}).json["action"]
    assert (changed["name"], changed["description"]) == ("b", "d")
    assert alice.patch(path, {"description": None}).json["action"]["description"] is None
    assert alice.patch(path, {}).status == 200
    assert alice.put(path, {"name": None}).status == 422
    assert alice.delete(path).status == 200
    assert alice.get(path).status == 404


def test_actions_are_listed_with_their_own_jobs(alice: Client) -> None:
    ids = [make_action(alice, name) for name in ("a", "b", "c")]
    job = make_job(alice, ids[1])
    first = alice.get("actions", limit=2).json
    assert [action["jobs"] for action in first["actions"]] == [[], [job]]
    rest = alice.get("actions", limit=2, cursor=first["next_cursor"]).json
    assert [action["id"] for action in first["actions"] + rest["actions"]] == ids
    assert rest["next_cursor"] is None


def test_an_action_in_use_stays_until_its_schedule_is_deleted(alice: Client) -> None:
    action_id = make_action(alice)
    schedule = make_schedule(alice, action_id, schedule_status="inactive")
    assert alice.delete(f"actions/{action_id}").status == 409
    alice.delete(f"schedules/{schedule['id']}")
    make_job(alice, action_id)
    assert alice.delete(f"actions/{action_id}").status == 200


def test_the_built_in_types_are_everybodys_to_read(alice: Client) -> None:
    templates = alice.get("job_templates").json["job_templates"]
    assert [template["name"] for template in templates] == list(BUILT_IN)
    assert all(template["built_in"] and template["input_schema"]["properties"] for template in templates)
    path = f"job_templates/{templates[0]['id']}"
    assert alice.get(path).json["job_template"] == templates[0]
    assert alice.put(path, {"description": "mine"}).status == 409
    assert alice.delete(path).status == 409


def test_an_old_client_that_creates_http_gets_the_built_in_one(alice: Client) -> None:
    answer = alice.post("job_templates", {"name": "http", "user_id": 4})
    assert answer.status == 200
    assert answer.json["job_template"]["built_in"] is True
    assert alice.post("job_templates", {"name": "HTTP", "job_type": "http"}).status == 200


def test_a_preset_is_created_read_changed_and_deleted(alice: Client) -> None:
    body: dict[str, Any] = {"name": "ping", "job_type": "http", "description": "d", "default_input": {"method": "GET"}}
    answer = alice.post("job_templates", {**body, "input_schema": {"a": 1}})
    assert answer.status == 201
    preset = answer.json["job_template"]
    assert body.items() <= preset.items()
    assert preset["input_schema"]["title"] == "HTTP request"
    path = f"job_templates/{preset['id']}"
    cleared = alice.put(path, {"name": "pong", "default_input": None, "description": None}).json["job_template"]
    assert (cleared["name"], cleared["default_input"], cleared["description"]) == ("pong", {}, None)
    assert set(alice.put(path, {"job_type": "slack"}).fields) == {"job_type"}
    assert alice.post("job_templates", {**body, "name": "pong"}).status == 409
    assert alice.delete(path).status == 200
    assert alice.get(path).status == 404


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"name": "ping"}, {"job_type"}),
        ({"name": "ping", "job_type": "teleport"}, {"job_type"}),
        ({"job_type": "http"}, {"name"}),
        ({"name": "ping", "job_type": "http", "default_input": []}, {"default_input"}),
        ({"name": "", "job_type": 5, "default_input": 1}, {"name", "job_type", "default_input"}),
        ({"name": "a", "job_type": "http", "default_input": {"url": 5}}, {"default_input.url"}),
        ({"name": "a", "job_type": "http", "default_input": {"method": "BREW"}}, {"default_input.method"}),
        ({"name": "a", "job_type": "sqs", "default_input": {"queue_arn": "orders"}}, {"default_input.queue_arn"}),
    ],
)
def test_a_wrong_preset_is_refused_with_the_fields_named(alice: Client, body: dict[str, Any], fields: set[str]) -> None:
    answer = alice.post("job_templates", body)
    assert answer.status == 422
    assert set(answer.fields) == fields


def test_a_preset_gives_a_part_and_the_job_the_rest(alice: Client) -> None:
    default: dict[str, Any] = {"url": "https://example.org/hook", "headers": {"X-Team": "a", "X-Kind": "b"}}
    preset = alice.post("job_templates", {"name": "hook", "job_type": "http", "default_input": default}).json
    given = {"method": "POST", "headers": {"X-Team": "c"}}
    path = f"job_templates/{preset['job_template']['id']}"
    action_id = make_action(alice)
    job = make_job(alice, action_id, job_template_id=preset["job_template"]["id"], job_type=None, job_input_value=given)
    # What is given replaces what the preset has of that name, whole.
    filled = {"url": "https://example.org/hook", "headers": {"X-Team": "c"}, "method": "POST"}
    assert job["job_input_value"] == filled
    bare = alice.post("jobs", {"name": "b", "action_id": action_id, "job_template_id": preset["job_template"]["id"]})
    assert bare.json["job"]["job_input_value"] == default
    # It was copied: an edit of the preset changes no job.
    assert alice.put(path, {"default_input": {"url": "https://example.org/other"}}).status == 200
    assert alice.get(f"jobs/{job['id']}").json["job"]["job_input_value"] == filled


def test_a_preset_with_templates_is_judged_with_its_job(alice: Client) -> None:
    default = {"url": "https://example.org/{{ schedule.input.path }}", "method": "{{ schedule.input.method }}"}
    body = {"name": "hook", "job_type": "http", "default_input": default}
    assert alice.post("job_templates", body).status == 201
