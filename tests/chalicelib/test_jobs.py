"""Jobs, their graph and their input over HTTP."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.chalicelib.client import Answered, Client
from tests.chalicelib.conftest import HTTP_INPUT, make_action, make_job


@pytest.fixture
def action_id(alice: Client) -> int:
    """An action of Alice's."""
    return make_action(alice)


NUL_IN_A_CONDITION = (
    '{"condition_rules": [{"job_id": 1, "filters": [{"name": "a", "comparison_type": "exists", "value": "\\u0000"}]}]}'
)


def leading_to(*job_ids: int) -> dict[str, Any]:
    """A condition that always leads to the first of these jobs."""
    return {"version": 1, "condition_rules": [{"filters": [], "job_id": job_id} for job_id in job_ids]}


def test_a_job_reads_back_as_it_was_written(alice: Client, action_id: int) -> None:
    last = make_job(alice, action_id, "last", is_root_job=False)
    condition = {
        "version": 1,
        "condition_rules": [
            {
                "filters": [
                    {"name": "status", "should_match": True, "comparison_type": "equality", "value": 200},
                    {"name": "body.items[0]", "should_match": False, "comparison_type": "exists", "value": None},
                ],
                "when": "output.status > `100`",
                "job_id": last["id"],
            }
        ],
    }
    body: dict[str, Any] = {
        "name": "first",
        "action_id": action_id,
        "job_type": "http",
        "job_input_type": "static_input",
        "job_input_value": {**HTTP_INPUT, "request_body": {"a": [1, None]}},
        "condition": condition,
        "is_root_job": True,
        "job_timeout_in_secs": 30,
        "user_id": 77,
    }
    job = make_job(alice, action_id, **{name: value for name, value in body.items() if name != "action_id"})
    del body["user_id"]
    assert body.items() <= job.items()
    assert alice.get(f"jobs/{job['id']}").json["job"] == job
    assert alice.get("jobs", action_id=action_id).json["jobs"] == [last, job]
    assert alice.get(f"actions/{action_id}").json["action"]["jobs"] == [last, job]


def test_the_first_job_becomes_the_root_and_the_next_does_not(alice: Client, action_id: int) -> None:
    first, second = make_job(alice, action_id, "first"), make_job(alice, action_id, "second")
    assert (first["is_root_job"], second["is_root_job"]) == (True, False)
    assert (first["job_timeout_in_secs"], first["condition"], first["job_input_type"]) == (60, None, "static_input")


def test_input_and_condition_may_come_as_the_text_of_their_json(alice: Client, action_id: int) -> None:
    last = make_job(alice, action_id, "last")
    job = make_job(
        alice,
        action_id,
        "first",
        job_input_value=json.dumps(HTTP_INPUT),
        condition=json.dumps(leading_to(last["id"])),
        job_template_id=last["job_template_id"],
    )
    assert job["job_input_value"] == HTTP_INPUT
    assert job["condition"] == leading_to(last["id"])
    assert make_job(alice, action_id, "other", condition="")["condition"] is None


def test_a_type_or_a_template_suffices_and_both_must_agree(alice: Client, action_id: int) -> None:
    http = alice.post("job_templates", {"name": "http"}).json["job_template"]["id"]
    slack = alice.post("job_templates", {"name": "slack"}).json["job_template"]["id"]
    by_type = make_job(alice, action_id, "a", job_type="HTTP")
    by_id = make_job(alice, action_id, "b", job_type=None, job_template_id=http)
    assert by_type["job_template_id"] == by_id["job_template_id"] == http
    assert by_id["job_type"] == "http"

    def refused(**fields: Any) -> set[str]:
        return set(alice.post("jobs", {"name": "c", "action_id": action_id, "job_input_value": {}, **fields}).fields)

    assert refused(job_type="http", job_template_id=slack) == {"job_type"}
    assert refused() == {"job_type"}
    assert refused(job_type="teleport") == {"job_type"}
    assert refused(job_template_id=99_999) == {"job_template_id"}


def test_static_input_is_held_against_the_types_schema_with_all_faults_at_once(alice: Client, action_id: int) -> None:
    wrong = {"method": "BREW", "headers": {"a": []}, "auth": {"type": "basic", "password": "hunter2"}}
    answer = alice.post("jobs", {"name": "x", "action_id": action_id, "job_type": "http", "job_input_value": wrong})
    assert answer.status == 422
    prefix = "job_input_value."
    assert set(answer.fields) == {prefix + "url", prefix + "method", prefix + "headers.a", prefix + "auth"}
    assert "hunter2" not in answer.text
    slack = alice.post("jobs", {"name": "x", "action_id": action_id, "job_type": "slack", "job_input_value": {}})
    assert "job_input_value.message" in slack.fields


@pytest.mark.parametrize(
    ("wrong", "fields"),
    [
        ({"job_input_value": "{not json"}, {"job_input_value"}),
        ({"job_input_value": '{"url": NaN}'}, {"job_input_value.url"}),
        ({"job_input_value": "NaN"}, {"job_input_value"}),
        ({"job_input_value": '{"url": "http://a\\u0000"}'}, {"job_input_value.url"}),
        ({"job_input_value": [1]}, {"job_input_value"}),
        ({"job_input_value": {"url": "ftp://example.org"}}, {"job_input_value.url"}),
        ({"job_input_value": {**HTTP_INPUT, "headers": {"Host": "elsewhere"}}}, {"job_input_value.headers.Host"}),
        (
            {"job_input_type": "job_input_as_template", "job_input_value": {"url": "{{ a b }}", "query": {"x": "{{"}}},
            {"job_input_value.url", "job_input_value.query.x"},
        ),
        ({"job_input_type": "job_output_as_input", "job_input_value": {"job": "missing"}}, {"job_input_value"}),
        ({"job_input_type": "job_output_as_input", "job_input_value": {}}, {"job_input_value"}),
        ({"job_input_type": "telepathy"}, {"job_input_type"}),
        ({"condition": "{"}, {"condition"}),
        ({"condition": 5}, {"condition"}),
        (
            {"condition": {"version": 9, "condition_rules": [{}]}},
            {"condition.version", "condition.condition_rules[0].job_id"},
        ),
        ({"condition": leading_to(9_999)}, {"condition.condition_rules[0].job_id"}),
        ({"condition": NUL_IN_A_CONDITION}, {"condition.condition_rules[0].filters[0].value"}),
        ({"job_timeout_in_secs": 0}, {"job_timeout_in_secs"}),
        ({"job_timeout_in_secs": 601}, {"job_timeout_in_secs"}),
        ({"job_timeout_in_secs": True}, {"job_timeout_in_secs"}),
        ({"is_root_job": "maybe"}, {"is_root_job"}),
        ({"action_id": 999}, {"action_id"}),
        ({"name": "", "job_timeout_in_secs": -1, "job_type": "x"}, {"name", "job_timeout_in_secs", "job_type"}),
    ],
)
def test_a_wrong_field_is_named(alice: Client, action_id: int, wrong: dict[str, Any], fields: set[str]) -> None:
    good = {"name": "x", "action_id": action_id, "job_type": "http", "job_input_value": HTTP_INPUT}
    answer = alice.post("jobs", {**good, **wrong})
    assert answer.status == 422, answer.text
    assert set(answer.fields) == fields
    assert alice.get("jobs", action_id=action_id).json["jobs"] == []


def test_what_a_new_job_lacks_is_listed(alice: Client) -> None:
    assert set(alice.post("jobs", {}).fields) == {"name", "action_id", "job_type"}
    assert set(alice.get("jobs").fields) == {"action_id"}


def test_templates_and_outputs_of_other_jobs_are_accepted(alice: Client, action_id: int) -> None:
    first = make_job(alice, action_id, "first")
    template = {"url": "https://example.org", "request_body": "{{ jobs.first.output.body }}"}
    filled = make_job(
        alice, action_id, "second", job_input_type="job_input_as_template", job_input_value=json.dumps(template)
    )
    assert filled["job_input_value"] == template
    for value in ({"job": "first"}, first["id"], str(first["id"]), "first"):
        job = make_job(alice, action_id, f"takes {value}", job_input_type="job_output_as_input", job_input_value=value)
        assert alice.delete(f"jobs/{job['id']}").status == 200


def test_a_second_root_a_doubled_name_and_a_cycle_are_refused(alice: Client, action_id: int) -> None:
    first, second = make_job(alice, action_id, "first"), make_job(alice, action_id, "second")
    body = {"name": "first", "action_id": action_id, "job_type": "http", "job_input_value": HTTP_INPUT}
    assert set(alice.post("jobs", {**body, "is_root_job": True}).fields) == {"name", "is_root_job"}
    assert set(alice.put(f"jobs/{second['id']}", {"is_root_job": True}).fields) == {"is_root_job"}
    assert alice.put(f"jobs/{first['id']}", {"condition": leading_to(second["id"])}).status == 200
    assert set(alice.put(f"jobs/{second['id']}", {"condition": leading_to(first["id"])}).fields) == {"condition"}
    assert set(alice.put(f"jobs/{second['id']}", {"condition": leading_to(second["id"])}).fields) == {"condition"}


def test_a_condition_to_another_actions_job_is_refused(alice: Client, bob: Client, action_id: int) -> None:
    job = make_job(alice, action_id)
    other = make_job(alice, make_action(alice, "other"))
    foreign = make_job(bob, make_action(bob))
    for target in (other, foreign):
        answer = alice.put(f"jobs/{job['id']}", {"condition": leading_to(job["id"] + 99, target["id"])})
        assert set(answer.fields) == {"condition.condition_rules[0].job_id", "condition.condition_rules[1].job_id"}


def test_two_saves_at_once_cannot_close_a_cycle(alice: Client, action_id: int) -> None:
    jobs = [make_job(alice, action_id, name)["id"] for name in ("a", "b")]
    barrier = Barrier(2)

    def save(position: int) -> Answered:
        barrier.wait()
        return alice.put(f"jobs/{jobs[position]}", {"condition": leading_to(jobs[1 - position])})

    for _ in range(5):
        with ThreadPoolExecutor(2) as threads:
            statuses = sorted(answer.status for answer in threads.map(save, range(2)))
        assert statuses == [200, 422]
        for job_id in jobs:
            alice.put(f"jobs/{job_id}", {"condition": None})


def test_an_update_writes_what_was_sent_and_null_clears(alice: Client, action_id: int, engine: Engine) -> None:
    last = make_job(alice, action_id, "last", is_root_job=False)
    job = make_job(alice, action_id, condition=leading_to(last["id"]), job_timeout_in_secs=9)
    path = f"jobs/{job['id']}"
    named = alice.patch(path, {"name": "renamed", "id": 5, "user_id": 6}).json["job"]
    assert named == {**job, "name": "renamed", "updated_at": named["updated_at"]}
    cleared = alice.put(path, {"condition": None, "job_timeout_in_secs": None}).json["job"]
    assert (cleared["condition"], cleared["job_timeout_in_secs"]) == (None, 60)
    with engine.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM jobs WHERE condition IS NULL")).scalar_one() == 2
    assert alice.put(path, named).status == 200


def test_a_job_changes_its_type_with_an_input_that_suits_and_never_its_action(alice: Client, action_id: int) -> None:
    path = f"jobs/{make_job(alice, action_id)['id']}"
    assert set(alice.put(path, {"job_type": "slack"}).fields) >= {"job_input_value.message"}
    message = {"message": "hi", "webhook_url": "https://hooks.slack.com/x"}
    changed = alice.put(path, {"job_type": "slack", "job_input_value": message}).json["job"]
    assert (changed["job_type"], changed["job_input_value"]) == ("slack", message)
    assert set(alice.put(path, {"action_id": make_action(alice, "other")}).fields) == {"action_id"}


def test_a_job_that_others_refer_to_is_neither_deleted_nor_renamed_away(alice: Client, action_id: int) -> None:
    first, second = make_job(alice, action_id, "first"), make_job(alice, action_id, "second")
    alice.put(f"jobs/{first['id']}", {"condition": leading_to(second["id"])})
    alice.put(f"jobs/{second['id']}", {"job_input_type": "job_output_as_input", "job_input_value": {"job": "first"}})
    assert alice.delete(f"jobs/{second['id']}").status == 409
    assert alice.delete(f"jobs/{first['id']}").status == 409
    assert set(alice.put(f"jobs/{first['id']}", {"name": "other"}).fields) == {"name"}
    alice.put(f"jobs/{first['id']}", {"condition": None})
    assert alice.delete(f"jobs/{second['id']}").status == 200
    assert alice.get(f"jobs/{second['id']}").status == 404


def test_a_preset_fills_in_what_an_input_leaves_out(alice: Client, action_id: int) -> None:
    preset = alice.post(
        "job_templates", {"name": "hook", "job_type": "http", "default_input": {**HTTP_INPUT, "query": {"v": 1}}}
    ).json["job_template"]
    job = make_job(alice, action_id, job_template_id=preset["id"], job_input_value={"query": {"v": 2}})
    assert job["job_input_value"] == {**HTTP_INPUT, "query": {"v": 2}}
    body = {"name": "bare", "action_id": action_id, "job_template_id": preset["id"]}
    bare = alice.post("jobs", body).json["job"]
    assert bare["job_input_value"] == {**HTTP_INPUT, "query": {"v": 1}}
    assert alice.delete(f"job_templates/{preset['id']}").status == 409


def test_jobs_are_paged(alice: Client, action_id: int) -> None:
    ids = [make_job(alice, action_id, f"job {n}")["id"] for n in range(3)]
    first = alice.get("jobs", action_id=action_id, limit=2).json
    rest = alice.get("jobs", action_id=action_id, limit=2, cursor=first["next_cursor"]).json
    assert [job["id"] for job in first["jobs"] + rest["jobs"]] == ids
    assert rest["next_cursor"] is None


RETRY = {"max_attempts": 5, "backoff": "fixed", "base": 1.5, "cap": 60, "jitter": "none", "on": ["no_answer"]}


def test_how_often_a_job_is_tried_and_sent_reads_back_as_it_was_written(alice: Client, action_id: int) -> None:
    plain = make_job(alice, action_id, "plain")
    assert (plain["retry"], plain["delivery"]) == (None, "at_least_once")
    job = make_job(alice, action_id, "careful", retry=RETRY, delivery="At_Most_Once")
    assert (job["retry"], job["delivery"]) == (RETRY, "at_most_once")
    path = f"jobs/{job['id']}"
    renamed = alice.patch(path, {"name": "renamed"}).json["job"]
    assert (renamed["retry"], renamed["delivery"]) == (RETRY, "at_most_once")
    cleared = alice.put(path, {"retry": None, "delivery": None}).json["job"]
    assert (cleared["retry"], cleared["delivery"]) == (None, "at_least_once")


def test_what_a_retry_leaves_out_is_filled_in(alice: Client, action_id: int) -> None:
    assert make_job(alice, action_id, retry={"max_attempts": 7})["retry"] == {
        "max_attempts": 7,
        "backoff": "exponential",
        "base": 10,
        "cap": 3600,
        "jitter": "full",
        "on": ["key_away", "no_answer", "rate_limited", "server_error", "unreachable"],
    }


@pytest.mark.parametrize(
    ("wrong", "fields"),
    [
        ({"retry": {"max_attempts": 201}}, {"retry.max_attempts"}),
        ({"retry": {"max_attempts": "x", "on": ["luck"]}, "name": ""}, {"retry.max_attempts", "retry.on", "name"}),
        ({"retry": 5}, {"retry"}),
        ({"retry": "{}"}, {"retry"}),
        ({"delivery": "exactly_once"}, {"delivery"}),
    ],
)
def test_a_wrong_policy_is_named_by_field(
    alice: Client, action_id: int, wrong: dict[str, Any], fields: set[str]
) -> None:
    good = {"name": "x", "action_id": action_id, "job_type": "http", "job_input_value": HTTP_INPUT}
    answer = alice.post("jobs", {**good, **wrong})
    assert (answer.status, set(answer.fields)) == (422, fields)
    job = make_job(alice, action_id)
    assert set(alice.put(f"jobs/{job['id']}", wrong).fields) == fields


def test_the_host_that_a_job_calls_is_known_where_its_input_says_so(
    alice: Client, action_id: int, engine: Engine
) -> None:
    def host(job: Any) -> Any:
        with engine.begin() as connection:
            return connection.execute(text("SELECT host FROM jobs WHERE id = :id"), {"id": job["id"]}).scalar_one()

    template = {"url": "https://example.org/{{ trigger.id }}"}
    message = {"message": "hi", "webhook_url": "https://hooks.slack.com/x"}
    job = make_job(alice, action_id, "a", job_input_value={"url": "https://EXAMPLE.org/hook"})
    assert host(job) == "example.org:443"
    assert host(make_job(alice, action_id, "b", job_input_value={"url": "http://[::1]:81/"})) == "[::1]:81"
    filled = make_job(alice, action_id, "c", job_input_type="job_input_as_template", job_input_value=template)
    assert host(filled) is None
    assert host(make_job(alice, action_id, "d", job_type="slack", job_input_value=message)) == "hooks.slack.com:443"
    path = f"jobs/{job['id']}"
    alice.put(path, {"job_input_value": {"url": "http://other.example"}})
    assert host(job) == "other.example:80"
    alice.put(path, {"name": "renamed"})
    assert host(job) == "other.example:80"
    alice.put(path, {"job_input_type": "job_input_as_template", "job_input_value": template})
    assert host(job) is None
