"""Forks and jobs that run after a failure, over HTTP: what is saved, what is refused, and what a run of them says."""

from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError

from tests.chalicelib.client import Client
from tests.chalicelib.conftest import HTTP_INPUT, make_action, make_job, make_schedule

MISSING = "this action has no such job"


@pytest.fixture
def action_id(alice: Client) -> int:
    """An action of Alice's."""
    return make_action(alice)


def forking_to(*job_ids: int) -> dict[str, Any]:
    """A condition that always leads to all of these jobs."""
    return {"version": 1, "condition_rules": [{"filters": [], "job_id": list(job_ids)}]}


def make_jobs(client: Client, action_id: int, *names: str) -> list[int]:
    return [make_job(client, action_id, name)["id"] for name in names]


def told(client: Client, path: str, body: dict[str, Any]) -> list[tuple[str, str]]:
    """The faults of a body that is refused."""
    answer = client.put(path, body)
    assert answer.status == 422, answer.text
    return [(fault["field"], fault["message"]) for fault in answer.json["errors"]]


def test_a_fork_and_a_job_for_failures_read_back_as_they_were_written(alice: Client, action_id: int) -> None:
    first, left, right, tell = make_jobs(alice, action_id, "first", "left", "right", "tell")
    body = {"condition": forking_to(left, right), "on_failure_job_id": tell}
    saved = alice.put(f"jobs/{first}", body).json["job"]
    assert body.items() <= saved.items()
    assert alice.get(f"jobs/{first}").json["job"] == saved
    assert alice.patch(f"jobs/{first}", {"name": "renamed"}).json["job"]["on_failure_job_id"] == tell
    assert alice.put(f"jobs/{first}", {"on_failure_job_id": None}).json["job"]["on_failure_job_id"] is None


def test_a_list_of_one_is_that_one_and_ids_may_be_text(alice: Client, action_id: int) -> None:
    first, left, right = make_jobs(alice, action_id, "first", "left", "right")
    one = {"condition_rules": [{"job_id": [left]}]}
    saved = alice.put(f"jobs/{first}", {"condition": one}).json["job"]
    assert saved["condition"]["condition_rules"][0]["job_id"] == left
    two = {"condition_rules": [{"job_id": [str(left), str(right)]}]}
    saved = alice.put(f"jobs/{first}", {"condition": two}).json["job"]
    assert saved["condition"]["condition_rules"][0]["job_id"] == [left, right]


def test_a_new_job_may_name_them_at_once(alice: Client, action_id: int) -> None:
    left, right = make_jobs(alice, action_id, "left", "right")
    alice.put(f"jobs/{left}", {"is_root_job": False})
    job = make_job(alice, action_id, "first", condition=forking_to(left, right), on_failure_job_id=right)
    assert (job["is_root_job"], job["on_failure_job_id"]) == (True, right)
    body = {"name": "x", "action_id": action_id, "job_type": "http", "job_input_value": HTTP_INPUT}
    assert alice.post("jobs", {**body, "on_failure_job_id": 9_999}).fields.keys() == {"on_failure_job_id"}


@pytest.mark.parametrize("wrong", [0, -1, "x", True, 2**63, [1], {}])
def test_what_is_no_id_is_named(alice: Client, action_id: int, wrong: Any) -> None:
    (job,) = make_jobs(alice, action_id, "job")
    assert [field for field, _ in told(alice, f"jobs/{job}", {"on_failure_job_id": wrong})] == ["on_failure_job_id"]


@pytest.mark.parametrize(
    ("job_id", "fields"),
    [([], {""}), (["x"], {"[0]"}), ([1, None], {"[0]", "[1]"}), (list(range(1, 102)), {""}), ({"a": 1}, {""})],
)
def test_what_is_no_fork_is_named(alice: Client, action_id: int, job_id: Any, fields: set[str]) -> None:
    (job,) = make_jobs(alice, action_id, "job")
    named = {field for field, _ in told(alice, f"jobs/{job}", {"condition": {"condition_rules": [{"job_id": job_id}]}})}
    assert {f"condition.condition_rules[0].job_id{place}" for place in fields - {"[0]"}} <= named


def test_a_job_that_is_named_twice_in_a_fork_is_refused(alice: Client, action_id: int) -> None:
    first, left = make_jobs(alice, action_id, "first", "left")
    assert told(alice, f"jobs/{first}", {"condition": forking_to(left, left)}) == [
        ("condition.condition_rules[0].job_id[1]", "it is named already, and runs once")
    ]


def test_jobs_of_other_actions_and_users_and_none_at_all_are_refused(
    alice: Client, bob: Client, action_id: int
) -> None:
    (job,) = make_jobs(alice, action_id, "job")
    (other,) = make_jobs(alice, make_action(alice, "other"), "other")
    (foreign,) = make_jobs(bob, make_action(bob), "foreign")
    for target in (other, foreign, 9_999):
        assert told(alice, f"jobs/{job}", {"on_failure_job_id": target}) == [("on_failure_job_id", MISSING)]
    (mine,) = make_jobs(alice, action_id, "mine")
    assert told(alice, f"jobs/{job}", {"condition": forking_to(mine, other, foreign)}) == [
        ("condition.condition_rules[0].job_id[1]", MISSING),
        ("condition.condition_rules[0].job_id[2]", MISSING),
    ]


def test_a_cycle_is_refused_whatever_closes_it_and_the_field_that_does_is_named(alice: Client, action_id: int) -> None:
    first, second, third = make_jobs(alice, action_id, "first", "second", "third")
    alice.put(f"jobs/{first}", {"condition": forking_to(second, third)})
    assert told(alice, f"jobs/{second}", {"on_failure_job_id": first}) == [
        ("on_failure_job_id", "a cycle: second -> first -> second")
    ]
    alice.put(f"jobs/{second}", {"on_failure_job_id": third})
    assert told(alice, f"jobs/{third}", {"condition": forking_to(first)}) == [
        ("condition", "a cycle: third -> first -> third")
    ]
    assert told(alice, f"jobs/{third}", {"condition": forking_to(second)}) == [
        ("condition", "a cycle: third -> second -> third")
    ]
    assert told(alice, f"jobs/{third}", {"on_failure_job_id": third}) == [
        (
            "on_failure_job_id",
            "a job cannot run after its own failure; its retry says how often it is tried again",
        )
    ]


def test_a_job_that_runs_after_anothers_failure_is_not_deleted(alice: Client, action_id: int) -> None:
    first, tell = make_jobs(alice, action_id, "first", "tell")
    alice.put(f"jobs/{first}", {"on_failure_job_id": tell})
    answer = alice.delete(f"jobs/{tell}")
    assert (answer.status, "first" in answer.json["detail"]) == (409, True)
    alice.put(f"jobs/{first}", {"on_failure_job_id": None})
    assert alice.delete(f"jobs/{tell}").status == 200


def test_an_action_is_deleted_with_all_its_jobs_whatever_they_lead_to(
    alice: Client, action_id: int, engine: Engine
) -> None:
    first, tell, last = make_jobs(alice, action_id, "first", "tell", "last")
    alice.put(f"jobs/{first}", {"on_failure_job_id": tell, "condition": forking_to(last, tell)})
    alice.put(f"jobs/{tell}", {"on_failure_job_id": last})
    assert alice.delete(f"actions/{action_id}").status == 200
    with engine.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM jobs")).scalar_one() == 0


def test_the_database_lets_no_job_lead_to_another_users(
    alice: Client, bob: Client, action_id: int, engine: Engine
) -> None:
    (job,) = make_jobs(alice, action_id, "job")
    (foreign,) = make_jobs(bob, make_action(bob), "foreign")
    for wrong in (foreign, job):
        with pytest.raises(ProgrammingError), engine.begin() as connection:
            connection.execute(text("UPDATE jobs SET on_failure_job_id = :to WHERE id = :id"), {"to": wrong, "id": job})


def test_executions_say_whether_a_failure_was_final(alice: Client, action_id: int, engine: Engine) -> None:
    make_jobs(alice, action_id, "job")
    schedule = make_schedule(alice, action_id)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO triggers (user_id, schedule_id, due_at, schedule_version, status, next_attempt_at,"
                " finished_at, reason) SELECT user_id, id, now(), 1, 'failed', now(), now(), 'x' FROM schedules"
                " WHERE id = :id"
            ),
            {"id": schedule["id"]},
        )
        connection.execute(
            text(
                "INSERT INTO job_executions (user_id, trigger_id, job_name, job_type, attempt, status, error, final,"
                " started_at, finished_at) SELECT user_id, id, 'job', 'http', n, 'failed', 'x', n = 2, now(), now()"
                " FROM triggers, generate_series(1, 2) AS n"
            )
        )
    assert [one["final"] for one in alice.get("job_executions").json["job_executions"]] == [True, False]
