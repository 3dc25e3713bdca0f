"""The order of lists, and what is looked for in them."""

from typing import Any

import pytest
from sqlalchemy import Engine

from shared.services import Services
from shared.store import schedules
from shared.store.paging import narrowed
from shared.user import UserId
from tests.chalicelib.client import Client
from tests.chalicelib.conftest import make_action, make_schedule
from tests.chalicelib.test_history import World
from tests.shared.store.test_hot_statements import plan_of
from tests.world import new_action, new_schedule, new_user


def pages(client: Client, path: str, **query: Any) -> list[int]:
    """The ids of a list, read two by two."""
    ids: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        page = client.get(path, limit=2, **query, **cursor).json
        ids += [row["id"] for row in page[path]]
        if page["next_cursor"] is None:
            return ids
        cursor = {"cursor": page["next_cursor"]}


@pytest.mark.parametrize("path", ["actions", "schedules", "calendars", "job_templates", "jobs"])
def test_definitions_are_read_from_either_end(alice: Client, path: str) -> None:
    action = make_action(alice)
    for number in range(5):
        make_schedule(alice, action)
        for body in ({"name": f"n{number}"}, {"name": f"n{number}", "job_type": "logger", "action_id": action}):
            alice.post(path, {**body, "job_input_value": {"message": "m"}})
    query = {"action_id": action} if path == "jobs" else {}
    ids = pages(alice, path, **query)
    assert len(ids) >= 5
    assert ids == sorted(ids) == pages(alice, path, sort="created_at", **query)
    assert pages(alice, path, sort="-created_at", **query) == ids[::-1]


@pytest.mark.parametrize("path", ["triggers", "job_executions", "dead_letters"])
def test_history_is_read_from_either_end(alice: Client, engine: Engine, services: Services, path: str) -> None:
    world = World(alice, engine, services.clock.now())
    for number in range(5):
        world.execution(world.trigger("failed", 60 + number), "it failed")
    ids = pages(alice, path)
    assert len(ids) == 5
    assert ids == sorted(ids, reverse=True) == pages(alice, path, sort="-created_at")
    assert pages(alice, path, sort="created_at") == ids[::-1]


def test_an_order_that_there_is_not_is_422_and_a_cursor_belongs_to_its_order(alice: Client) -> None:
    for wrong in ("name", "", "created_at,-created_at", "CREATED_AT", "1"):
        answer = alice.get("actions", sort=wrong)
        assert (answer.status, answer.fields) == (422, {"sort": "must be one of created_at, -created_at"})
    for name in "abc":
        make_action(alice, name)
    cursor = alice.get("actions", limit=1, sort="-created_at").json["next_cursor"]
    for other in ({}, {"sort": "created_at"}):
        assert set(alice.get("actions", limit=1, cursor=cursor, **other).fields) == {"cursor"}


def test_schedules_are_found_by_a_part_of_their_name(alice: Client, bob: Client) -> None:
    action = make_action(alice)
    found = [make_schedule(alice, action, name=name)["id"] for name in ("Nightly %", "the NIGHTLY %_ report", "night")]
    make_schedule(bob, make_action(bob), name="nightly %")
    assert pages(alice, "schedules", q="night") == found
    assert pages(alice, "schedules", q=" nightly % ", sort="-created_at") == [found[1], found[0]]
    assert pages(alice, "schedules", q="%_") == [found[1]]
    assert pages(alice, "schedules", q="daily") == []
    assert pages(alice, "schedules", q="", schedule_status="pending") == found
    cursor = alice.get("schedules", q="night", limit=1).json["next_cursor"]
    assert set(alice.get("schedules", q="nightly", cursor=cursor).fields) == {"cursor"}
    assert alice.get("schedules", q="x" * 201, limit=0).fields.keys() == {"q", "limit"}


@pytest.mark.parametrize("path", ["actions", "jobs", "job_templates", "calendars"])
def test_everything_with_a_name_is_found_by_a_part_of_it(alice: Client, bob: Client, path: str) -> None:
    for client in (alice, bob):
        action = make_action(client, "some")
        for name in ("Nightly %", "the NIGHTLY %_ report", "daily"):
            body = {"name": name, "job_type": "logger", "action_id": action, "job_input_value": {"message": "m"}}
            assert client.post(path, body).status == 201
    query = {"action_id": make_first(alice)} if path == "jobs" else {}
    found = pages(alice, path, q="night", **query)
    assert [row["name"] for row in alice.get(path, q="night", **query).json[path]] == [
        "Nightly %",
        "the NIGHTLY %_ report",
    ]
    assert pages(alice, path, q=" nightly % ", sort="-created_at", **query) == [found[1], found[0]]
    assert pages(alice, path, q="%_", **query) == [found[1]]
    assert pages(alice, path, q="weekly", **query) == []
    cursor = alice.get(path, q="night", limit=1, **query).json["next_cursor"]
    assert set(alice.get(path, q="nightly", cursor=cursor, **query).fields) == {"cursor"}
    assert alice.get(path, q="x" * 201, **query).fields.keys() == {"q"}


def make_first(client: Client) -> int:
    return int(client.get("actions", limit=1).json["actions"][0]["id"])


def test_a_bulk_change_looks_for_the_same_names(alice: Client) -> None:
    action = make_action(alice)
    nightly, daily = (make_schedule(alice, action, name=name)["id"] for name in ("nightly", "daily"))
    assert alice.post("schedules/bulk", {"action": "pause", "filter": {"q": "NIGHT"}}).json["bulk"]["changed"] == 1
    assert alice.get(f"schedules/{nightly}").json["schedule"]["schedule_status"] == "inactive"
    assert alice.get(f"schedules/{daily}").json["schedule"]["schedule_status"] == "pending"


@pytest.mark.parametrize("path", ["schedules", "dead_letters", "actions"])
def test_what_no_text_can_have_is_looked_for_in_vain(alice: Client, path: str) -> None:
    answer = alice.get(path, q="a\x00")
    assert (answer.status, answer.fields) == (422, {"q": "has a character that no text has"})


def test_a_search_looks_at_the_schedules_of_one_user_in_order(services: Services) -> None:
    """PostgreSQL itself says so: whatever others have is not read."""
    ada, other = new_user(services, "ada"), new_user(services, "eve")
    new_schedule(services, ada, new_action(services, ada))
    new_schedule(services, other, new_action(services, other))
    many = (
        "INSERT INTO schedules (user_id, action_id, name, schedule_type, schedule_value) SELECT user_id, action_id,"
        f" 'n' || n, 'absolute', '-' FROM schedules, generate_series(1, 5000) AS n WHERE user_id = {other}"
    )
    with services.database.begin() as connection:
        connection.exec_driver_sql(many)
        connection.exec_driver_sql("ANALYZE schedules")
        statement = narrowed(schedules.VIEW, schedules.FILTERS, {"q": "x"}).order_by("id").limit(50)
        for user, most in ((ada, 2), (UserId(10**6), 0)):
            plan = plan_of(connection, statement, {"user": user, "q": "x"}, "EXPLAIN (ANALYZE, COSTS OFF)")
            assert "Seq Scan on schedules" not in plan, plan
            removed = [int(line.split()[-1]) for line in plan.splitlines() if "Rows Removed by Filter" in line]
            assert sum(removed) <= most, plan
