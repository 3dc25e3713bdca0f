"""Schedules over HTTP, and what becomes of their triggers."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from shared.services import Services
from tests.chalicelib.client import Client
from tests.chalicelib.conftest import make_action, make_schedule
from tests.fakes import SetClock

PLAN = text(
    "INSERT INTO triggers (user_id, schedule_id, action_id, schedule_version, due_at, next_attempt_at, status,"
    " resend_at, lease_until, started_at)"
    " SELECT user_id, id, action_id, version, :due, :due, :status, now(), now(),"
    " CASE WHEN :status = 'executing' THEN now() END FROM schedules WHERE id = :id"
)
TRIGGERS = text("SELECT status, reason, finished_at IS NOT NULL FROM triggers WHERE schedule_id = :id ORDER BY due_at")


@pytest.fixture
def action_id(alice: Client) -> int:
    """An action of Alice's."""
    return make_action(alice)


def plan(engine: Engine, services: Services, schedule_id: int, *statuses: str) -> None:
    """Triggers as the creator leaves them, a minute apart; the schedule is being processed."""
    with engine.begin() as connection:
        for minute, status in enumerate(statuses, 1):
            due = services.clock.now() + timedelta(minutes=minute)
            connection.execute(PLAN, {"id": schedule_id, "due": due, "status": status})
        connection.execute(text("UPDATE schedules SET schedule_status = 'processing'"))


def triggers(engine: Engine, schedule_id: int) -> Sequence[Any]:
    with engine.begin() as connection:
        return [tuple(row) for row in connection.execute(TRIGGERS, {"id": schedule_id})]


def row(engine: Engine, schedule_id: int) -> Any:
    with engine.begin() as connection:
        return connection.execute(text("SELECT * FROM schedules WHERE id = :id"), {"id": schedule_id}).one()


def test_a_new_schedule_is_pending_and_reads_back_as_it_was_written(alice: Client, action_id: int) -> None:
    body = {
        "name": " nightly ",
        "description": "backup",
        "schedule_type": "recurring",
        "schedule_value": "30 2 * * *",
        "schedule_unit": "cron",
        "timezone": "Europe/Berlin",
        "starts_at": "2030-01-01T00:00:00+02:00",
        "ends_at": "2031-01-01T00:00:00Z",
        "max_runs": 5,
        "input": {"depth": [1, {"a": None}]},
        "action_id": action_id,
        "user_id": 99,
        "id": 12345,
        "runs": 7,
    }
    answer = alice.post("schedules", body)
    assert answer.status == 201
    schedule = answer.json["schedule"]
    assert alice.get(f"schedules/{schedule['id']}").json["schedule"] == {**schedule, "recent": []}
    assert schedule["id"] != 12345
    changed = {"name": "nightly", "starts_at": "2029-12-31T22:00:00Z", "runs": 0, "version": 1}
    ours = {name: value for name, value in body.items() if name not in ("id", "user_id")} | changed
    assert ours.items() <= schedule.items()
    assert schedule["schedule_status"] == "pending"
    assert schedule["next_run_at"] is None
    assert schedule["last_run"] is None


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ({"schedule_type": 3, "schedule_value": "10", "schedule_unit": "second"}, ("relative", "10", "second")),
        ({"schedule_type": "2", "schedule_value": 10, "schedule_unit": "Seconds"}, ("recurring", "10", "second")),
        ({"schedule_type": 2, "schedule_value": 5.0, "schedule_unit": "minute"}, ("recurring", "5", "minute")),
        (
            {"schedule_type": 1, "schedule_value": "2099-01-01T00:00:00Z", "schedule_unit": "whatever"},
            ("absolute", "2099-01-01T00:00:00Z", None),
        ),
        (
            {"schedule_type": "Absolute", "schedule_value": "2099-01-01T00:00:00Z", "schedule_unit": ""},
            ("absolute", "2099-01-01T00:00:00Z", None),
        ),
    ],
)
def test_old_codes_and_spellings_are_understood(
    alice: Client, action_id: int, sent: dict[str, Any], read: tuple[str, ...]
) -> None:
    schedule = make_schedule(alice, action_id, **sent, ends_at="0001-01-01T00:00:00Z", starts_at="")
    assert (schedule["schedule_type"], schedule["schedule_value"], schedule["schedule_unit"]) == read
    assert (schedule["starts_at"], schedule["ends_at"]) == (None, None)


@pytest.mark.parametrize(
    ("code", "status"),
    [(1, "pending"), ("2", "pending"), ("Pending", "pending"), (4, "inactive"), ("inactive", "inactive")],
)
def test_a_schedule_starts_unless_it_is_created_inactive(alice: Client, action_id: int, code: Any, status: str) -> None:
    assert make_schedule(alice, action_id, schedule_status=code)["schedule_status"] == status


@pytest.mark.parametrize(
    ("wrong", "fields"),
    [
        ({"schedule_unit": "cron", "schedule_value": "0 0 30 2 *"}, {"schedule_value"}),
        ({"schedule_unit": "cron", "schedule_value": "nonsense"}, {"schedule_value"}),
        ({"schedule_value": 0}, {"schedule_value"}),
        ({"schedule_value": True}, {"schedule_value"}),
        ({"schedule_value": [1]}, {"schedule_value"}),
        ({"schedule_value": 1.5}, {"schedule_value"}),
        ({"schedule_value": 10**40}, {"schedule_value"}),
        ({"schedule_unit": "fortnight"}, {"schedule_unit"}),
        ({"schedule_unit": None}, {"schedule_unit"}),
        ({"schedule_type": 9}, {"schedule_type"}),
        ({"schedule_type": None}, {"schedule_type"}),
        ({"schedule_type": 1, "schedule_value": "2001-01-01T00:00:00Z"}, {"schedule_value"}),
        ({"schedule_type": 1, "schedule_value": "0001-01-01T00:00:00+09:00"}, {"schedule_value"}),
        ({"schedule_type": 1, "schedule_value": "tomorrow"}, {"schedule_value"}),
        ({"timezone": "Mars/Olympus"}, {"timezone"}),
        ({"timezone": "../../etc/passwd"}, {"timezone"}),
        ({"starts_at": "2030-01-01T00:00:00"}, {"starts_at"}),
        ({"starts_at": 1893456000}, {"starts_at"}),
        ({"starts_at": "2031-01-01T00:00:00Z", "ends_at": "2030-01-01T00:00:00Z"}, {"ends_at"}),
        ({"ends_at": "9999-12-31T23:59:59-14:00"}, {"ends_at"}),
        ({"max_runs": 0}, {"max_runs"}),
        ({"max_runs": 2**31}, {"max_runs"}),
        ({"action_id": 999}, {"action_id"}),
        ({"action_id": 2**63}, {"action_id"}),
        ({"action_id": "x"}, {"action_id"}),
        ({"input": [1]}, {"input"}),
        ({"name": ""}, {"name"}),
        ({"name": None}, {"name"}),
        ({"name": "x" * 201}, {"name"}),
        ({"name": "nul\x00"}, {"name"}),
        ({"input": {"a": ["\ud800"]}}, {"input.a[0]"}),
        ({"schedule_status": 7}, {"schedule_status"}),
        (
            {"name": 5, "timezone": "Mars/Olympus", "max_runs": -1, "action_id": 4},
            {"name", "timezone", "max_runs", "action_id"},
        ),
    ],
)
def test_a_wrong_field_is_named(alice: Client, action_id: int, wrong: dict[str, Any], fields: set[str]) -> None:
    good = {"name": "n", "schedule_type": 2, "schedule_value": 10, "schedule_unit": "second", "action_id": action_id}
    answer = alice.post("schedules", {**good, **wrong})
    assert answer.status == 422, answer.text
    assert set(answer.fields) == fields
    assert alice.get("schedules").json["schedules"] == []


def test_what_a_new_schedule_lacks_is_listed(alice: Client) -> None:
    assert set(alice.post("schedules", {}).fields) == {"name", "schedule_type", "schedule_value", "action_id"}


def test_pausing_cancels_what_is_planned_and_lets_run_what_runs(
    alice: Client, action_id: int, engine: Engine, services: Services
) -> None:
    schedule_id = make_schedule(alice, action_id)["id"]
    plan(engine, services, schedule_id, "executing", "queued", "scheduled")
    answer = alice.post(f"schedules/{schedule_id}/pause")
    assert answer.json["schedule"]["schedule_status"] == "inactive"
    assert answer.json["schedule"]["next_run_at"] is None
    why = "the schedule was paused"
    assert triggers(engine, schedule_id) == [("executing", None, False), *[("cancelled", why, True)] * 2]


def test_pausing_twice_is_pausing_once(alice: Client, action_id: int, engine: Engine) -> None:
    schedule_id = make_schedule(alice, action_id)["id"]
    alice.post(f"schedules/{schedule_id}/pause")
    before = row(engine, schedule_id)
    assert alice.post(f"schedules/{schedule_id}/pause").status == 200
    assert row(engine, schedule_id) == before


def test_resuming_has_it_planned_from_now_on(alice: Client, action_id: int, engine: Engine, clock: SetClock) -> None:
    schedule_id = make_schedule(alice, action_id, schedule_status="inactive")["id"]
    with engine.begin() as connection:
        connection.execute(text("UPDATE schedules SET exhausted = true, status_note = 'too many failures'"))
    before = row(engine, schedule_id)
    now = clock.forward(1)
    assert alice.post(f"schedules/{schedule_id}/resume").json["schedule"]["schedule_status"] == "pending"
    after = row(engine, schedule_id)
    assert after.active_since == now
    assert (after.exhausted, after.status_note, after.version) == (False, None, before.version)


def test_resuming_an_active_schedule_changes_nothing(
    alice: Client, action_id: int, engine: Engine, services: Services
) -> None:
    schedule_id = make_schedule(alice, action_id)["id"]
    plan(engine, services, schedule_id, "scheduled")
    before = row(engine, schedule_id)
    for code in (1, 2, "processing"):
        assert alice.put(f"schedules/{schedule_id}", {"schedule_status": code}).status == 200
    assert alice.post(f"schedules/{schedule_id}/resume").json["schedule"]["schedule_status"] == "processing"
    assert row(engine, schedule_id) == before
    assert triggers(engine, schedule_id) == [("scheduled", None, False)]


@pytest.mark.parametrize(("code", "status"), [(4, "inactive"), (3, "inactive"), ("processed", "inactive")])
def test_the_status_alone_can_be_put(alice: Client, action_id: int, code: Any, status: str) -> None:
    schedule_id = make_schedule(alice, action_id)["id"]
    answer = alice.put(f"schedules/{schedule_id}", {"schedule_status": code, "user_id": 7})
    assert answer.json["schedule"]["schedule_status"] == status
    answer = alice.put(f"schedules/{schedule_id}", {"schedule_status": 1})
    assert answer.json["schedule"]["schedule_status"] == "pending"


@pytest.mark.parametrize(
    "change",
    [
        {"schedule_value": 20},
        {"schedule_type": 3},
        {"schedule_unit": "minute"},
        {"timezone": "Europe/Berlin"},
        {"ends_at": "2099-01-01T00:00:00Z"},
        {"starts_at": "2098-01-01T00:00:00Z"},
        {"max_runs": 3},
        {"input": {"a": 1}},
    ],
)
def test_an_edit_of_the_definition_replaces_what_is_planned(
    alice: Client, action_id: int, engine: Engine, services: Services, clock: SetClock, change: dict[str, Any]
) -> None:
    schedule_id = make_schedule(alice, action_id)["id"]
    plan(engine, services, schedule_id, "scheduled")
    now = clock.forward(1)
    schedule = alice.put(f"schedules/{schedule_id}", change).json["schedule"]
    assert (schedule["schedule_status"], schedule["version"]) == ("pending", 2)
    assert row(engine, schedule_id).active_since == now
    assert triggers(engine, schedule_id) == [("cancelled", "the schedule was edited", True)]


def test_another_action_is_an_edit_of_the_definition(alice: Client, action_id: int) -> None:
    schedule_id = make_schedule(alice, action_id)["id"]
    other = make_action(alice, "other")
    assert alice.patch(f"schedules/{schedule_id}", {"action_id": other}).json["schedule"]["version"] == 2


def test_sending_everything_back_with_a_new_name_touches_no_trigger(
    alice: Client, action_id: int, engine: Engine, services: Services
) -> None:
    schedule = make_schedule(alice, action_id, starts_at="2020-01-01T00:00:00Z", input={"a": 1})
    plan(engine, services, schedule["id"], "scheduled")
    answer = alice.put(f"schedules/{schedule['id']}", {**schedule, "name": "renamed", "description": "why"})
    assert answer.json["schedule"]["name"] == "renamed"
    assert answer.json["schedule"]["version"] == 1
    assert answer.json["schedule"]["schedule_status"] == "processing"
    assert triggers(engine, schedule["id"]) == [("scheduled", None, False)]


def test_an_edit_of_a_paused_schedule_leaves_it_paused_unless_it_says_run(alice: Client, action_id: int) -> None:
    path = f"schedules/{make_schedule(alice, action_id, schedule_status='inactive')['id']}"
    assert alice.put(path, {"schedule_value": 20}).json["schedule"]["schedule_status"] == "inactive"
    both = alice.put(path, {"schedule_value": 30, "schedule_status": "pending"}).json["schedule"]
    assert (both["schedule_status"], both["version"]) == ("pending", 3)
    off = alice.put(path, {"schedule_value": 40, "schedule_status": 4}).json["schedule"]
    assert (off["schedule_status"], off["schedule_value"]) == ("inactive", "40")


def test_a_processed_absolute_schedule_fires_again_only_with_a_new_instant(
    alice: Client, action_id: int, engine: Engine
) -> None:
    schedule_id = make_schedule(alice, action_id, schedule_type=1, schedule_value="2099-01-01T00:00:00Z")["id"]
    with engine.begin() as connection:
        past = "schedule_value = '2020-01-01T00:00:00Z', schedule_status = 'processed'"
        connection.execute(text(f"UPDATE schedules SET {past}"))
    assert alice.put(f"schedules/{schedule_id}", {"name": "old"}).json["schedule"]["schedule_status"] == "processed"
    assert set(alice.put(f"schedules/{schedule_id}", {"schedule_value": "2021-01-01T00:00:00Z"}).fields) == {
        "schedule_value"
    }
    answer = alice.put(f"schedules/{schedule_id}", {"schedule_value": "2098-01-01T00:00:00Z"})
    assert answer.json["schedule"]["schedule_status"] == "pending"


def test_null_clears_and_what_was_not_sent_stays(alice: Client, action_id: int) -> None:
    given = {"description": "d", "ends_at": "2099-01-01T00:00:00Z", "max_runs": 3, "input": {"a": 1}}
    path = f"schedules/{make_schedule(alice, action_id, timezone='Europe/Berlin', **given)['id']}"
    assert given.items() <= alice.put(path, {"name": "other"}).json["schedule"].items()
    nulls = dict.fromkeys([*given, "timezone"])
    cleared = alice.put(path, nulls).json["schedule"]
    expected: dict[str, Any] = {"description": None, "ends_at": None, "max_runs": None, "input": {}, "timezone": "UTC"}
    assert expected.items() <= cleared.items()


def test_a_refused_edit_changes_nothing(alice: Client, action_id: int, engine: Engine, services: Services) -> None:
    schedule_id = make_schedule(alice, action_id)["id"]
    plan(engine, services, schedule_id, "scheduled")
    before = row(engine, schedule_id)
    answer = alice.put(f"schedules/{schedule_id}", {"schedule_value": "x", "action_id": 99, "name": ""})
    assert answer.status == 422
    assert set(answer.fields) == {"schedule_value", "action_id", "name"}
    assert row(engine, schedule_id) == before
    assert triggers(engine, schedule_id) == [("scheduled", None, False)]


def test_the_beat_of_a_fixed_rate_stays_when_only_the_interval_changes(
    alice: Client, action_id: int, engine: Engine
) -> None:
    schedule_id = make_schedule(alice, action_id, starts_at="2020-01-01T00:00:03Z")["id"]
    anchor = row(engine, schedule_id).anchor
    alice.put(f"schedules/{schedule_id}", {"schedule_value": 20})
    assert row(engine, schedule_id).anchor == anchor
    alice.put(f"schedules/{schedule_id}", {"starts_at": "2020-01-01T00:00:04.2Z"})
    assert row(engine, schedule_id).anchor == anchor + timedelta(seconds=2)
    alice.put(f"schedules/{schedule_id}", {"starts_at": None})
    after = row(engine, schedule_id)
    assert after.anchor == after.created_at.replace(microsecond=0)


def test_deleting_cancels_hides_and_keeps_the_history(
    alice: Client, action_id: int, engine: Engine, services: Services
) -> None:
    schedule_id = make_schedule(alice, action_id)["id"]
    plan(engine, services, schedule_id, "executing", "scheduled")
    path = f"schedules/{schedule_id}"
    assert alice.delete(path).status == 200
    assert [alice.send(method, path, {}).status for method in ("GET", "PUT", "PATCH", "DELETE")] == [404] * 4
    assert [alice.post(f"{path}/{verb}").status for verb in ("pause", "resume")] == [404] * 2
    assert alice.get("schedules").json["schedules"] == []
    cancelled = ("cancelled", "the schedule was deleted", True)
    assert triggers(engine, schedule_id) == [("executing", None, False), cancelled]
    assert len(alice.get("triggers", schedule_id=schedule_id).json["triggers"]) == 2


def test_next_and_last_run_are_told(alice: Client, action_id: int, engine: Engine, services: Services) -> None:
    schedule_id = make_schedule(alice, action_id)["id"]
    plan(engine, services, schedule_id, "executing", "scheduled")
    schedule = alice.get(f"schedules/{schedule_id}").json["schedule"]
    assert schedule["next_run_at"] == alice.get("triggers", status="scheduled").json["triggers"][0]["due_at"]
    assert schedule["last_run"]["status"] == "executing"
    assert schedule["last_run"]["at"].endswith("Z")


def test_a_list_is_narrowed_and_paged_without_gaps_or_repeats(alice: Client, action_id: int) -> None:
    ids = [make_schedule(alice, action_id, schedule_type=2 + n % 2)["id"] for n in range(5)]
    first = alice.get("schedules", limit=2).json
    second = alice.get("schedules", limit=2, cursor=first["next_cursor"]).json
    third = alice.get("schedules", limit=2, cursor=second["next_cursor"]).json
    assert [one["id"] for page in (first, second, third) for one in page["schedules"]] == ids
    assert third["next_cursor"] is None
    odd = alice.get("schedules", schedule_type=3).json["schedules"]
    assert [one["id"] for one in odd] == ids[1::2]
    assert alice.get("schedules", schedule_status="inactive", action_id=action_id).json["schedules"] == []
    assert set(alice.get("schedules", limit=0, schedule_status="x", action_id="-").fields) == {
        *("limit", "schedule_status", "action_id")
    }


def test_a_cursor_is_bound_to_its_list_and_its_user(alice: Client, bob: Client, action_id: int) -> None:
    for _ in range(2):
        make_schedule(alice, action_id)
    cursor = alice.get("schedules", limit=1).json["next_cursor"]
    assert alice.get("schedules", cursor=cursor).status == 200
    tries = [
        bob.get("schedules", cursor=cursor),
        alice.get("actions", cursor=cursor),
        alice.get("schedules", cursor=cursor, schedule_type=2),
        alice.get("schedules", cursor=cursor[:-1] + "_"),
        alice.get("schedules", cursor="ä"),
        alice.get("schedules", cursor="AAAA"),
    ]
    assert [(answer.status, set(answer.fields)) for answer in tries] == [(422, {"cursor"})] * len(tries)
