"""What plans allow, over HTTP: on create, update, resume, in bulk, and when the plan changes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import text

from chalicelib.application import build
from shared import quotas
from shared.services import Services
from shared.store import quotas as stored
from shared.store.engine import Database
from tests.chalicelib.client import Answered, Client
from tests.chalicelib.conftest import make_action, make_job, make_schedule
from tests.fakes import SetClock

CRON = {"schedule_unit": "cron"}


@pytest.fixture
def allow(services: Services) -> Callable[..., None]:
    """Overwrites limits of a plan: ``allow("starter", max_schedules=2)``."""

    def change(plan: str, **limits: int) -> None:
        values = ", ".join(f"{name} = {limit}" for name, limit in limits.items())
        with services.database.begin() as connection:
            connection.execute(text(f"UPDATE plans SET {values} WHERE name = '{plan}'"))

    return change


def refused(answer: Answered, field: str) -> str:
    """The sentence of a refusal by that limit."""
    assert (answer.status, answer.json["type"]) == (409, "urn:cronny:problem:over-quota"), answer.text
    assert set(answer.fields) == {field}
    return answer.fields[field]


def new_schedule(client: Client, action_id: int, **fields: Any) -> Answered:
    body = {"name": "often", "action_id": action_id, "schedule_type": "recurring", "schedule_value": 60}
    return client.post("schedules", {**body, "schedule_unit": "second", **fields})


def test_a_plan_allows_so_many_schedules_whatever_their_status(alice: Client, bob: Client, allow: Any) -> None:
    allow("starter", max_schedules=2)
    action_id = make_action(alice)
    make_schedule(alice, action_id, schedule_status="inactive")
    last = make_schedule(alice, action_id)
    sentence = refused(new_schedule(alice, action_id), "max_schedules")
    assert "the plan starter allows 2 schedules" in sentence
    assert "PUT /user/plan" in sentence
    make_schedule(bob, make_action(bob))
    alice.delete(f"schedules/{last['id']}")
    make_schedule(alice, action_id)
    assert alice.put("user/plan", {"plan": "pro"}).status == 200
    make_schedule(alice, action_id)


def test_of_many_who_create_at_once_no_more_than_the_plan_allows_succeed(
    alice: Client, services: Services, database: Database, allow: Any
) -> None:
    allow("starter", max_schedules=3, max_actions=3)
    action_id = make_action(alice)
    crowd = Client(build(lambda: replace(services, database=database)), alice.headers)
    start = Barrier(6)

    def create(path: str, body: Any) -> int:
        start.wait()
        return crowd.post(path, body).status

    schedule = {"name": "x", "action_id": action_id, "schedule_type": 2, "schedule_value": 1, "schedule_unit": "day"}
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda _: create("schedules", schedule), range(6)))
        acted = list(pool.map(lambda _: create("actions", {"name": "x"}), range(6)))
    assert sorted(made) == [201] * 3 + [409] * 3
    assert sorted(acted) == [201] * 2 + [409] * 4


def test_what_is_much_is_counted_again_only_when_the_room_is_used_up(
    alice: Client, allow: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.manage.quotas.COUNTED", 3)
    counted: list[Any] = []
    count = stored.count

    def noted(*given: Any) -> int:
        counted.append(given)
        return count(*given)

    monkeypatch.setattr(stored, "count", noted)
    allow("starter", max_actions=5)
    made = [make_action(alice) for _ in range(5)]
    assert len(counted) == 1
    assert "max_actions" in alice.post("actions", {"name": "one more"}).fields
    for action_id in made[:2]:
        alice.delete(f"actions/{action_id}")
    assert [alice.post("actions", {"name": "again"}).status for _ in range(3)] == [201, 201, 409]
    assert len(counted) == 4
    allow("starter", max_actions=4)
    assert alice.post("actions", {"name": "one more"}).status == 409
    allow("starter", max_actions=6)
    assert [alice.post("actions", {"name": "again"}).status for _ in range(2)] == [201, 409]


def test_what_is_wrong_is_said_before_what_is_too_much(alice: Client, allow: Any) -> None:
    allow("starter", max_schedules=0)
    assert new_schedule(alice, 77).status == 422


@pytest.mark.parametrize(
    ("fields", "gap"),
    [
        ({"schedule_value": 59}, 59),
        ({"schedule_value": "PT30S", "schedule_unit": "duration"}, 30),
        ({"schedule_value": 10, "schedule_type": "relative"}, 10),
        ({"schedule_value": "* * * * * *", **CRON}, 1),
        ({"schedule_value": "0,30 0 12 * * *", **CRON}, 30),
        ({"schedule_value": "0,59 59 23 * * *", **CRON}, 59),
        ({"schedule_value": "@every 45s", **CRON}, 45),
    ],
)
def test_a_schedule_may_not_come_more_often_than_the_plan_allows(
    alice: Client, allow: Any, fields: dict[str, Any], gap: int
) -> None:
    allow("starter", min_interval_seconds=60)
    action_id = make_action(alice)
    created = new_schedule(alice, action_id, **fields)
    assert (created.status, set(created.fields)) == (422, {"schedule_value"})
    sentence = created.fields["schedule_value"]
    assert f"again after {gap} seconds, and the plan starter allows every 60 seconds at most" in sentence
    assert "make it rarer, or choose a plan that allows more (PUT /user/plan)" in sentence
    schedule = make_schedule(alice, action_id, schedule_value=1, schedule_unit="minute")
    assert alice.patch(f"schedules/{schedule['id']}", {"schedule_unit": "second", **fields}).fields == created.fields
    body = {"schedule_type": "recurring", "schedule_value": 60, "schedule_unit": "second", **fields}
    assert alice.post("schedules/preview", body).fields == created.fields


@pytest.mark.parametrize(
    "fields",
    [
        {"schedule_value": 60},
        {"schedule_value": "* * * * *", **CRON},
        {"schedule_value": "0 59,0 0,12 * * 1", **CRON},
        {"schedule_type": "absolute", "schedule_value": "2099-01-01T00:00:00Z"},
    ],
)
def test_whatever_comes_rarely_enough_is_taken(alice: Client, allow: Any, fields: dict[str, Any]) -> None:
    allow("starter", min_interval_seconds=60)
    assert new_schedule(alice, make_action(alice), **fields).status == 201


def test_what_was_made_under_other_limits_goes_on_but_is_not_resumed(alice: Client, allow: Any) -> None:
    action_id = make_action(alice)
    running, paused = make_schedule(alice, action_id), make_schedule(alice, action_id, schedule_status="inactive")
    allow("starter", min_interval_seconds=60)
    assert alice.patch(f"schedules/{running['id']}", {"name": "renamed"}).status == 200
    assert alice.get(f"schedules/{running['id']}").json["schedule"]["schedule_status"] == "pending"
    resumed = alice.post(f"schedules/{paused['id']}/resume")
    assert (resumed.status, set(resumed.fields)) == (422, {"schedule_value"})
    assert alice.patch(f"schedules/{paused['id']}", {"schedule_status": 1}).status == 422
    slower = {"schedule_status": "pending", "schedule_value": 1, "schedule_unit": "minute"}
    assert alice.patch(f"schedules/{paused['id']}", slower).status == 200


def test_nothing_is_resumed_while_there_are_more_than_the_plan_allows(alice: Client, allow: Any) -> None:
    action_id = make_action(alice)
    made = [make_schedule(alice, action_id, schedule_status="inactive") for _ in range(3)]
    allow("starter", max_schedules=2)
    sentence = refused(alice.post(f"schedules/{made[0]['id']}/resume"), "max_schedules")
    assert "delete some before you resume others" in sentence
    alice.delete(f"schedules/{made[2]['id']}")
    assert alice.post(f"schedules/{made[0]['id']}/resume").status == 200


def test_resuming_in_bulk_keeps_the_limits_one_by_one(alice: Client, allow: Any) -> None:
    action_id = make_action(alice)
    often = make_schedule(alice, action_id, schedule_status="inactive")
    rare = make_schedule(alice, action_id, schedule_status="inactive", schedule_unit="hour")
    allow("starter", min_interval_seconds=60)
    everything: dict[str, Any] = {"action": "resume", "filter": {}}
    done = alice.post("schedules/bulk", everything).json["bulk"]
    assert (done["matched"], done["changed"], done["unchanged"], done["failed"]) == (2, 1, 0, 1)
    (failure,) = done["failures"]
    assert failure["id"] == often["id"]
    assert "allows every 60 seconds at most" in failure["message"]
    assert alice.get(f"schedules/{rare['id']}").json["schedule"]["schedule_status"] == "pending"
    allow("starter", max_schedules=1)
    alice.post("schedules/bulk", {"action": "pause", "filter": {}})
    done = alice.post("schedules/bulk", everything).json["bulk"]
    assert (done["changed"], done["failed"]) == (0, 2)


def test_a_smaller_plan_is_refused_while_something_does_not_fit_and_nothing_is_paused(
    alice: Client, allow: Any
) -> None:
    allow("starter", max_schedules=1, max_actions=1, min_interval_seconds=60)
    alice.put("user/plan", {"plan": "pro"})
    actions = [make_action(alice), make_action(alice)]
    often, rare = make_schedule(alice, actions[0]), make_schedule(alice, actions[0], schedule_unit="day")
    answer = alice.put("user/plan", {"plan": "starter"})
    assert (answer.status, answer.json["type"]) == (409, "urn:cronny:problem:over-quota")
    assert answer.fields == {
        "max_schedules": "you have 2 schedules, and the plan starter allows 1: delete 1 of them first",
        "max_actions": "you have 2 actions, and the plan starter allows 1: delete 1 of them first",
        "min_interval_seconds": "the plan starter allows every 60 seconds at most: "
        f"pause these schedules or make them rarer first: {often['id']}",
    }
    assert alice.get("auth/me").json["user"]["plan_id"] == 2
    assert alice.get(f"schedules/{often['id']}").json["schedule"]["schedule_status"] == "pending"
    alice.delete(f"schedules/{rare['id']}")
    alice.delete(f"actions/{actions[1]}")
    alice.post(f"schedules/{often['id']}/pause")
    assert alice.put("user/plan", {"plan": "starter"}).json["plan"]["name"] == "starter"
    assert alice.post(f"schedules/{often['id']}/resume").status == 422


def test_who_makes_one_more_and_moves_to_a_smaller_plan_at_once_gets_one_of_both(
    alice: Client, services: Services, database: Database, allow: Any
) -> None:
    allow("starter", max_actions=1)
    alice.put("user/plan", {"plan": "pro"})
    crowd = Client(build(lambda: replace(services, database=database)), alice.headers)
    for number in range(4):
        start = Barrier(2)

        def one_of(asked: tuple[str, str, Any], start: Barrier = start) -> int:
            start.wait()
            return crowd.send(*asked).status

        both: list[tuple[str, str, Any]] = [
            ("POST", "actions", {"name": f"number {number}"}),
            ("PUT", "user/plan", {"plan": "starter"}),
        ]
        with ThreadPoolExecutor(2) as pool:
            made, moved = pool.map(one_of, both)
        on_plan = alice.get("auth/me").json["user"]["plan_id"]
        has = len(alice.get("actions").json["actions"])
        assert (on_plan == 1, moved) in ((True, 200), (False, 409))
        assert on_plan == 2 or has <= 1
        assert made in (201, 409)
        alice.put("user/plan", {"plan": "pro"})


def test_whoever_has_too_much_may_still_move_to_a_larger_plan(alice: Client, allow: Any) -> None:
    for _ in range(3):
        make_action(alice)
    allow("starter", max_actions=1)
    allow("pro", max_actions=2)
    assert alice.put("user/plan", {"plan": "starter"}).status == 200
    assert alice.put("user/plan", {"plan": "pro"}).status == 200
    assert "max_actions" in alice.put("user/plan", {"plan": "starter"}).fields


def test_plans_say_what_they_allow(alice: Client) -> None:
    starter = alice.get("user/plans").json["plans"][0]
    wanted = {"max_schedules", "min_interval_seconds", "max_in_flight", "history_days"}
    assert wanted | {"max_actions", "requests_per_second", "requests_at_once"} <= starter.keys()


@pytest.mark.parametrize(
    ("constant", "kept", "path", "body"),
    [
        ("max_actions", quotas.Kept.ACTIONS, "actions", {"name": "n"}),
        ("calendars", quotas.Kept.CALENDARS, "calendars", {"name": "n"}),
        ("presets", quotas.Kept.PRESETS, "job_templates", {"name": "n", "job_type": "logger"}),
        ("keys", quotas.Kept.KEYS, "user/keys", {"name": "n", "scopes": ["read"]}),
    ],
)
def test_of_everything_a_user_may_have_so_many(
    alice: Client, monkeypatch: pytest.MonkeyPatch, allow: Any, constant: str, kept: quotas.Kept, path: str, body: Any
) -> None:
    allow("starter", max_actions=2)
    monkeypatch.setitem(quotas._FIXED, kept, 2)
    made = [alice.post(path, {**body, "name": f"number {number}"}) for number in range(3)]
    assert [answer.status for answer in made] == [201, 201, 409]
    assert f"2 {kept}" in refused(made[2], constant)
    resource = next(iter(made[0].json.values()))
    alice.delete(f"{path}/{resource['id']}")
    assert alice.post(path, {**body, "name": "another"}).status == 201


def test_an_action_may_have_so_many_jobs(alice: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.manage.jobs.MAX_JOBS", 2)
    action_id = make_action(alice)
    for number in range(2):
        make_job(alice, action_id, f"number {number}", is_root_job=number == 0)
    body = {"name": "one more", "action_id": action_id, "job_type": "logger", "job_input_value": {"message": "x"}}
    assert "begin another action" in refused(alice.post("jobs", body), "jobs")
    make_job(alice, make_action(alice))


def test_so_many_backfills_may_wait(
    alice: Client, clock: SetClock, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(quotas._FIXED, quotas.Kept.BACKFILLS, 15)
    path = f"schedules/{make_schedule(alice, make_action(alice), schedule_value=10)['id']}/backfill"
    with services.database.begin() as connection:
        connection.execute(text("UPDATE schedules SET anchor = anchor - interval '1 day'"))

    def backfill(begin: int, end: int) -> Answered:
        since, until = (clock.now() - timedelta(seconds=ago) for ago in (begin, end))
        return alice.post(path, {"from": since.isoformat(), "to": until.isoformat()})

    assert backfill(100, 0).json["backfill"]["created"] == 10
    assert "10 more are too many; wait until some have run" in refused(backfill(300, 200), "backfills")
    assert backfill(150, 100).json["backfill"]["created"] == 5


def test_so_many_runs_may_wait_for_a_share(alice: Client, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(quotas._FIXED, quotas.Kept.WAITING, 1)
    path = f"schedules/{make_schedule(alice, make_action(alice))['id']}/run"
    assert alice.post(path).status == 202
    with services.database.begin() as connection:
        waiting = "UPDATE triggers SET hold = 'limit', held_for = '-', reason = 'waits'"
        connection.execute(text(waiting))
    assert "1 triggers that wait" in refused(alice.post(path), "waiting")
