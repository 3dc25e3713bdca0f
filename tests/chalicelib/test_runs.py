"""Run now, backfill, cancel and bulk changes over HTTP."""

from datetime import timedelta
from typing import Any

import pytest

from shared.manage import bulk
from shared.plan import plan
from shared.schedule import ScheduleId
from shared.services import Services
from tests.chalicelib.client import Client
from tests.chalicelib.conftest import make_action, make_schedule
from tests.fakes import SetClock
from tests.world import set_schedule, set_trigger, the_schedule, the_triggers


def statuses(client: Client) -> dict[int, str]:
    listed = client.get("schedules", limit=200).json["schedules"]
    return {schedule["id"]: schedule["schedule_status"] for schedule in listed}


def test_a_run_now_is_accepted_with_its_trigger(alice: Client) -> None:
    schedule_id = make_schedule(alice, make_action(alice), schedule_status="inactive")["id"]
    answer = alice.post(f"schedules/{schedule_id}/run", {"input": {"dry": True}})
    assert answer.status == 202
    trigger = answer.json["trigger"]
    assert (trigger["kind"], trigger["status"], trigger["schedule_id"]) == ("manual", "scheduled", schedule_id)
    assert alice.get(f"triggers/{trigger['id']}").json["trigger"]["kind"] == "manual"
    assert alice.get(f"schedules/{schedule_id}").json["schedule"]["next_run_at"] is None
    assert set(alice.post(f"schedules/{schedule_id}/run", {"input": 5}).fields) == {"input"}
    alice.delete(f"schedules/{schedule_id}")
    assert alice.post(f"schedules/{schedule_id}/run").status == 404


def test_a_backfill_is_accepted_with_its_counts(alice: Client, services: Services, clock: SetClock) -> None:
    schedule_id = make_schedule(alice, make_action(alice))["id"]
    start = clock.now().replace(microsecond=0) - timedelta(hours=1)
    set_schedule(services, ScheduleId(schedule_id), anchor=start)
    span = {"from": start.isoformat(), "to": (start + timedelta(seconds=61)).isoformat()}
    answer = alice.post(f"schedules/{schedule_id}/backfill", {**span, "policy": {"every": 2}})
    assert answer.status == 202, answer.text
    done = answer.json["backfill"]
    assert (done["due"], done["decided"], done["created"]) == (6, 0, 3)
    assert alice.post(f"schedules/{schedule_id}/backfill", span).json["backfill"]["decided"] == 3
    listed = alice.get("triggers", schedule_id=schedule_id).json["triggers"]
    assert [trigger["kind"] for trigger in listed] == ["backfill"] * 6


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"from", "to"}),
        ({"from": "x", "to": 5, "policy": "some", "limit": 0}, {"from", "to", "policy", "limit"}),
        ({"policy": {"every": 0}, "limit": 1001}, {"from", "to", "policy", "limit"}),
        ({"policy": {"every": True}, "limit": True}, {"from", "to", "policy", "limit"}),
        ({"from": "2026-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"}, {"to"}),
    ],
)
def test_a_backfill_lists_all_that_is_wrong(alice: Client, body: dict[str, Any], fields: set[str]) -> None:
    schedule_id = make_schedule(alice, make_action(alice))["id"]
    answer = alice.post(f"schedules/{schedule_id}/backfill", body)
    assert (answer.status, set(answer.fields)) == (422, fields)


def test_a_trigger_is_cancelled_once(alice: Client) -> None:
    schedule_id = make_schedule(alice, make_action(alice))["id"]
    trigger_id = alice.post(f"schedules/{schedule_id}/run").json["trigger"]["id"]
    answer = alice.post(f"triggers/{trigger_id}/cancel")
    assert (answer.status, answer.json["trigger"]["status"]) == (200, "cancelled")
    assert alice.post(f"triggers/{trigger_id}/cancel").status == 409


def test_a_bulk_change_tells_what_changed_what_did_not_and_what_failed(
    alice: Client, bob: Client, services: Services, clock: SetClock
) -> None:
    action = make_action(alice)
    one, two, three = (make_schedule(alice, action)["id"] for _ in range(3))
    theirs = make_schedule(bob, make_action(bob))["id"]
    plan(services, clock.now())
    alice.post(f"schedules/{two}/pause")
    answer = alice.post("schedules/bulk", {"action": "pause", "ids": [one, two, theirs, 999, one]})
    assert answer.status == 200, answer.text
    result = answer.json["bulk"]
    assert {name: result[name] for name in ("matched", "changed", "unchanged", "failed")} == {
        "matched": 4,
        "changed": 1,
        "unchanged": 1,
        "failed": 2,
    }
    assert [failure["id"] for failure in result["failures"]] == sorted([theirs, 999])
    assert statuses(alice) == {one: "inactive", two: "inactive", three: "processing"}
    assert statuses(bob) == {theirs: "processing"}
    assert [row.status for row in the_triggers(services, one)] == ["cancelled"]
    assert [row.status for row in the_triggers(services, theirs)] == ["scheduled"]


def test_a_bulk_change_by_filter_takes_what_the_list_shows_in_batches(
    alice: Client, bob: Client, services: Services, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "BATCH", 2)
    actions = [make_action(alice, name) for name in ("a", "b")]
    mine = [make_schedule(alice, action)["id"] for action in actions for _ in range(5)]
    theirs = make_schedule(bob, make_action(bob))["id"]
    plan(services, clock.now())
    first = {"action_id": actions[0]}
    assert alice.post("schedules/bulk", {"action": "pause", "filter": first}).json["bulk"]["changed"] == 5
    resumed = alice.post("schedules/bulk", {"action": "resume", "filter": {"schedule_status": "inactive"}})
    assert resumed.json["bulk"]["changed"] == 5
    plan(services, clock.now())
    assert set(statuses(alice).values()) == {"processing"}
    assert alice.post("schedules/bulk", {"action": "delete", "filter": {}}).json["bulk"]["changed"] == 10
    assert statuses(alice) == {}
    assert all(row.status == "cancelled" for schedule in mine for row in the_triggers(services, schedule))
    assert the_schedule(services, ScheduleId(theirs)).deleted_at is None


def test_a_bulk_pause_leaves_runs_that_were_asked_for_like_the_single_one(alice: Client, services: Services) -> None:
    schedule_id = make_schedule(alice, make_action(alice))["id"]
    alice.post(f"schedules/{schedule_id}/run")
    alice.post("schedules/bulk", {"action": "pause", "ids": [schedule_id]})
    assert [row.status for row in the_triggers(services, schedule_id)] == ["scheduled"]
    alice.post("schedules/bulk", {"action": "delete", "ids": [schedule_id]})
    assert [row.status for row in the_triggers(services, schedule_id)] == ["cancelled"]


def test_a_bulk_resume_plans_processed_and_paused_ones_and_leaves_active_ones(
    alice: Client, services: Services, clock: SetClock
) -> None:
    action = make_action(alice)
    active, paused, over = (make_schedule(alice, action)["id"] for _ in range(3))
    plan(services, clock.now())
    set_schedule(services, paused, schedule_status="inactive")
    set_schedule(services, over, schedule_status="processed", exhausted=True)
    result = alice.post("schedules/bulk", {"action": "resume", "ids": [active, paused, over]}).json["bulk"]
    assert (result["changed"], result["unchanged"]) == (2, 1)
    assert statuses(alice) == {active: "processing", paused: "pending", over: "pending"}


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"action"}),
        ({"action": "burn", "ids": []}, {"action", "ids"}),
        ({"action": "pause"}, {"ids"}),
        ({"action": "pause", "ids": [1], "filter": {}}, {"ids"}),
        ({"action": "pause", "ids": ["x"]}, {"ids[0]"}),
        ({"action": "pause", "ids": list(range(1, 10_002))}, {"ids"}),
        ({"action": "delete", "filter": {"nmae": "x"}}, {"filter.nmae"}),
        ({"action": "delete", "filter": {"schedule_status": "x"}}, {"filter.schedule_status"}),
        ({"action": "delete", "filter": []}, {"filter"}),
    ],
)
def test_a_bulk_change_that_is_not_clear_changes_nothing(alice: Client, body: dict[str, Any], fields: set[str]) -> None:
    schedule_id = make_schedule(alice, make_action(alice))["id"]
    answer = alice.post("schedules/bulk", body)
    assert (answer.status, set(answer.fields)) == (422, fields)
    assert statuses(alice) == {schedule_id: "pending"}


def test_a_filter_that_matches_too_many_is_refused(alice: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "MAX_SCHEDULES", 2)
    action = make_action(alice)
    for _ in range(3):
        make_schedule(alice, action)
    assert set(alice.post("schedules/bulk", {"action": "pause", "filter": {}}).fields) == {"filter"}
    assert "inactive" not in statuses(alice).values()


def test_a_backfill_does_not_count_as_late(alice: Client, services: Services, clock: SetClock) -> None:
    schedule_id = make_schedule(alice, make_action(alice))["id"]
    due = clock.now().replace(microsecond=0) - timedelta(hours=1)
    set_schedule(services, ScheduleId(schedule_id), anchor=due - timedelta(seconds=10))
    span = {"from": due.isoformat(), "to": (due + timedelta(seconds=1)).isoformat()}
    assert alice.post(f"schedules/{schedule_id}/backfill", span).json["backfill"]["created"] == 1
    (trigger,) = the_triggers(services, schedule_id)
    ran = {"attempt": 1, "started_at": clock.now(), "finished_at": clock.now()}
    set_trigger(services, trigger.id, status="completed", **ran)
    stats = alice.get("dashboard/stats").json["stats"]
    assert stats["lateness_p99_seconds"] is None
