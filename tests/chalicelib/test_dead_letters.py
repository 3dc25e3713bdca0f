"""Dead letters over HTTP: found, inspected, redriven and discarded, one by one or by filter."""

from typing import Any

import pytest
from sqlalchemy import Engine

from shared.services import Services
from tests.chalicelib.client import Client
from tests.chalicelib.test_history import World


@pytest.fixture
def world(alice: Client, engine: Engine, services: Services) -> World:
    return World(alice, engine, services.clock.now())


def test_a_dead_letter_is_listed_and_shows_the_job_that_failed(alice: Client, world: World) -> None:
    trigger = world.trigger("failed", 60)
    world.trigger("completed", 50)
    execution = world.execution(trigger, error="it broke")
    (listed,) = alice.get("dead_letters").json["dead_letters"]
    assert (listed["id"], listed["status"], listed["redrives"], listed["discarded_at"]) == (trigger, "failed", 0, None)
    letter = alice.get(f"dead_letters/{trigger}").json["dead_letter"]
    assert letter["failed_job_id"] == world.job_id
    assert (letter["failure"]["id"], letter["failure"]["input"]) == (execution, {"a": 1})
    assert [one["error"] for one in letter["job_executions"]] == ["it broke"]
    assert letter["job_inputs"] == {}


def test_a_list_is_narrowed_and_comes_page_by_page(alice: Client, world: World) -> None:
    ids = [world.trigger("failed", age) for age in (30, 20, 10)]
    page = alice.get("dead_letters", limit=2, q="WHY").json
    assert [letter["id"] for letter in page["dead_letters"]] == ids[:0:-1]
    page = alice.get("dead_letters", limit=2, q="WHY", cursor=page["next_cursor"]).json
    assert [letter["id"] for letter in page["dead_letters"]] == ids[:1]
    assert alice.get("dead_letters", q="why not").json["dead_letters"] == []
    assert alice.get("dead_letters", schedule_id=world.schedule_id + 1).json["dead_letters"] == []
    assert alice.get("dead_letters", to=world.now.isoformat()).json["dead_letters"] == []
    assert len(alice.get("dead_letters", **{"from": world.now.isoformat()}).json["dead_letters"]) == 3


def test_redriving_is_accepted_and_says_what_was_left_out(alice: Client, world: World) -> None:
    failed, completed = world.trigger("failed", 60), world.trigger("completed", 50)
    answer = alice.post("dead_letters/redrive", {"ids": [failed, completed], "rate": 100})
    assert answer.status == 202
    assert answer.json["redriven"] == 1
    assert answer.json["skipped"] == [{"id": completed, "reason": "It is completed, so it is no dead letter."}]
    trigger = alice.get(f"triggers/{failed}").json["trigger"]
    assert (trigger["status"], trigger["redrives"], trigger["reason"]) == ("scheduled", 1, None)


def test_everything_that_a_filter_matches_is_redriven(alice: Client, world: World) -> None:
    ids = [world.trigger("failed", age) for age in (30, 20, 10)]
    none = alice.post("dead_letters/redrive", {"filter": {"q": "something else"}})
    assert (none.status, none.json["redriven"]) == (202, 0)
    answer = alice.post("dead_letters/redrive", {"filter": {"schedule_id": world.schedule_id}, "from": "start"})
    assert answer.json["redriven"] == len(ids)
    assert alice.get("dead_letters").json["dead_letters"] == []


def test_the_failed_jobs_input_is_edited(alice: Client, world: World) -> None:
    trigger = world.trigger("failed", 60)
    world.execution(trigger, error="it broke")
    wrong = alice.post("dead_letters/redrive", {"ids": [trigger], "job_input": {"url": 5}})
    assert (wrong.status, set(wrong.fields)) == (422, {"job_input.url"})
    edited = {"url": "https://example.org/other", "method": "POST"}
    assert alice.post("dead_letters/redrive", {"ids": [trigger], "job_input": edited}).json["redriven"] == 1


def test_one_trigger_is_retried(alice: Client, world: World) -> None:
    trigger = world.trigger("failed", 60)
    answer = alice.post(f"triggers/{trigger}/retry")
    assert (answer.status, answer.json["trigger"]["status"]) == (202, "scheduled")
    again = alice.post(f"triggers/{trigger}/retry", {})
    assert (again.status, again.json["detail"]) == (409, "It is scheduled, so it is no dead letter.")


def test_discarding_leaves_the_trigger_in_the_history(alice: Client, world: World) -> None:
    one, two, three = (world.trigger("failed", age) for age in (30, 20, 10))
    assert alice.delete(f"dead_letters/{one}").status == 200
    assert alice.delete(f"dead_letters/{one}").status == 404
    answer = alice.send("DELETE", "dead_letters", {"ids": [one, two]})
    assert (answer.status, answer.json["discarded"]) == (200, 1)
    assert answer.json["skipped"] == [{"id": one, "reason": "It was discarded."}]
    assert alice.send("DELETE", "dead_letters", {"filter": {}}).json["discarded"] == 1
    assert alice.get("dead_letters").json["dead_letters"] == []
    trigger = alice.get(f"triggers/{three}").json["trigger"]
    assert (trigger["status"], trigger["discarded_at"] is None) == ("failed", False)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"ids"}),
        ({"ids": []}, {"ids"}),
        ({"ids": [1], "filter": {}}, {"ids"}),
        ({"ids": ["x"], "rate": 0, "from": "middle"}, {"ids[0]", "rate", "from"}),
        ({"ids": [1], "rate": 101}, {"rate"}),
        ({"ids": [1], "rate": True}, {"rate"}),
        ({"ids": [1], "job_input": None}, {"job_input"}),
        ({"ids": [1, 2], "job_input": {}}, {"job_input"}),
        ({"filter": {"resaon": "x"}}, {"filter.resaon"}),
        ({"filter": {"from": "yesterday"}}, {"filter.from"}),
        ({"filter": []}, {"filter"}),
    ],
)
def test_a_redrive_that_is_not_clear_changes_nothing(
    alice: Client, world: World, body: dict[str, Any], fields: set[str]
) -> None:
    trigger = world.trigger("failed", 60)
    answer = alice.post("dead_letters/redrive", body)
    assert (answer.status, set(answer.fields)) == (422, fields)
    assert [letter["id"] for letter in alice.get("dead_letters").json["dead_letters"]] == [trigger]


def test_a_discard_that_names_nothing_discards_nothing(alice: Client, world: World) -> None:
    world.trigger("failed", 60)
    assert alice.send("DELETE", "dead_letters").status == 422
    assert len(alice.get("dead_letters").json["dead_letters"]) == 1


def test_nobody_touches_anothers_dead_letters(alice: Client, bob: Client, world: World) -> None:
    trigger = world.trigger("failed", 60)
    assert bob.get("dead_letters").json["dead_letters"] == []
    assert bob.post("dead_letters/redrive", {"filter": {}}).json["redriven"] == 0
    missing = [{"id": trigger, "reason": "There is no such dead letter."}]
    assert bob.post("dead_letters/redrive", {"ids": [trigger]}).json["skipped"] == missing
    assert bob.send("DELETE", "dead_letters", {"ids": [trigger]}).json["skipped"] == missing
    assert alice.get(f"dead_letters/{trigger}").status == 200
