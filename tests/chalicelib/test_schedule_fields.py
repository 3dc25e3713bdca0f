"""Tags, priorities and last outcomes of schedules over HTTP."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from chalicelib.answer import rfc3339
from shared.services import Services
from tests.chalicelib.client import Client
from tests.chalicelib.conftest import make_action, make_schedule
from tests.chalicelib.test_history import World
from tests.chalicelib.test_lists import pages


@pytest.fixture
def action_id(alice: Client) -> int:
    """Hers."""
    return make_action(alice)


def test_tags_and_priority_are_read_as_they_were_written_and_cleared_by_null(alice: Client, action_id: int) -> None:
    plain = make_schedule(alice, action_id)
    assert (plain["tags"], plain["priority"]) == ([], 5)
    made = make_schedule(alice, action_id, tags=[" nightly", "Ünï, code", "nightly"], priority=0)
    assert (made["tags"], made["priority"]) == (["nightly", "Ünï, code"], 0)
    path = f"schedules/{made['id']}"
    changed = alice.patch(path, {"tags": ["b", "a"], "priority": "9"}).json["schedule"]
    assert (changed["tags"], changed["priority"], changed["version"]) == (["b", "a"], 9, made["version"])
    cleared = alice.patch(path, {"tags": None, "priority": None}).json["schedule"]
    assert (cleared["tags"], cleared["priority"]) == ([], 5)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"tags": "nightly"}, {"tags"}),
        ({"tags": ["x"] * 21}, {"tags"}),
        ({"tags": ["ok", "", 5, "x" * 51]}, {"tags[1]", "tags[2]", "tags[3]"}),
        ({"priority": 10}, {"priority"}),
        ({"priority": -1}, {"priority"}),
        ({"priority": True}, {"priority"}),
    ],
)
def test_a_wrong_one_is_named(alice: Client, action_id: int, body: dict[str, Any], fields: set[str]) -> None:
    path = f"schedules/{make_schedule(alice, action_id)['id']}"
    answer = alice.patch(path, body)
    assert (answer.status, set(answer.fields)) == (422, fields)


def test_schedules_are_found_by_a_tag_and_changed_by_it(alice: Client, bob: Client, action_id: int) -> None:
    tags: tuple[list[str], ...] = (["nightly"], ["nightly", "report"], ["Nightly"], [])
    ids = [make_schedule(alice, action_id, tags=each)["id"] for each in tags]
    make_schedule(bob, make_action(bob), tags=["nightly"])
    assert pages(alice, "schedules", tag="nightly") == ids[:2]
    assert pages(alice, "schedules", tag=" report ", q="often") == [ids[1]]
    assert pages(alice, "schedules", tag="night") == []
    assert pages(alice, "schedules", tag="{nightly}") == []
    assert set(alice.get("schedules", tag="").fields) == {"tag"}
    body = {"action": "pause", "filter": {"tag": "nightly"}}
    assert alice.post("schedules/bulk", body).json["bulk"]["changed"] == 2
    assert pages(alice, "schedules", schedule_status="inactive") == ids[:2]
    assert pages(bob, "schedules", schedule_status="inactive") == []


def test_the_last_twenty_outcomes_come_with_a_schedule_that_is_read_alone(
    alice: Client, engine: Engine, services: Services
) -> None:
    world = World(alice, engine, services.clock.now())
    path = f"schedules/{world.schedule_id}"
    assert alice.get(path).json["schedule"]["recent"] == []
    ids = [world.trigger(status, 100 - number) for number, status in enumerate(["completed", "failed", "skipped"] * 5)]
    for status in ("scheduled", "queued", "executing"):
        world.trigger(status, -60 if status == "scheduled" else 5)
        world.now += timedelta(microseconds=1)
    world.trigger("cancelled", -70)
    stopped = world.trigger("cancelled", 50)
    for number in range(10):
        world.ledger(1000 + number, 1)
    recent = alice.get(path).json["schedule"]["recent"]
    assert [each["trigger_id"] for each in recent] == [stopped, *ids[::-1], *[None] * 4]
    assert [each["status"] for each in recent[:3]] == ["cancelled", "skipped", "failed"]
    assert [each["due_at"] for each in recent] == sorted((each["due_at"] for each in recent), reverse=True)
    assert "recent" not in alice.get("schedules").json["schedules"][0]


def test_an_outcome_changes_the_tag_for_readers_and_not_for_writers(
    alice: Client, engine: Engine, services: Services
) -> None:
    world = World(alice, engine, services.clock.now())
    path = f"schedules/{world.schedule_id}"
    tag = alice.get(path).headers["etag"]
    assert alice.sending(if_none_match=tag).get(path).status == 304
    world.trigger("skipped", 10)
    seen = alice.sending(if_none_match=tag).get(path)
    due = rfc3339(world.now - timedelta(seconds=10))
    assert (seen.status, [each["due_at"] for each in seen.json["schedule"]["recent"]]) == (200, [due])
    assert alice.sending(if_match=tag).patch(path, {"name": "another"}).status == 200
