"""What a schedule says about overlap and outages, over HTTP, and what is said of an occurrence that waits."""

from typing import Any

import pytest

from shared.dispatch import dispatch
from shared.plan import plan
from shared.services import Services
from tests.chalicelib.client import Client
from tests.chalicelib.conftest import make_action, make_schedule
from tests.fakes import SetClock

DEFAULTS: dict[str, Any] = {"overlap": "allow", "catch_up": "latest", "catch_up_window_seconds": None}


def test_policies_have_defaults_read_back_and_null_clears_them(alice: Client) -> None:
    action_id = make_action(alice)
    assert DEFAULTS.items() <= make_schedule(alice, action_id).items()
    chosen = {"overlap": "Buffer_One", "catch_up": "all", "catch_up_window_seconds": 3600}
    schedule = make_schedule(alice, action_id, **chosen)
    assert (chosen | {"overlap": "buffer_one"}).items() <= schedule.items()
    path = f"schedules/{schedule['id']}"
    cleared = alice.put(path, dict.fromkeys(DEFAULTS)).json["schedule"]
    assert DEFAULTS.items() <= cleared.items()


def test_an_edit_of_a_policy_leaves_alone_what_is_planned(alice: Client, services: Services) -> None:
    schedule = make_schedule(alice, make_action(alice))
    plan(services, services.clock.now())
    (before,) = alice.get("triggers", schedule_id=schedule["id"]).json["triggers"]
    edited = alice.patch(f"schedules/{schedule['id']}", {"overlap": "skip", "catch_up": "none"}).json["schedule"]
    assert (edited["version"], edited["schedule_status"], edited["overlap"]) == (1, "processing", "skip")
    assert alice.get("triggers", schedule_id=schedule["id"]).json["triggers"] == [before]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"overlap": "sometimes"}, "overlap"),
        ({"overlap": 3}, "overlap"),
        ({"catch_up": "some"}, "catch_up"),
        ({"catch_up_window_seconds": -1}, "catch_up_window_seconds"),
        ({"catch_up_window_seconds": 2_592_001}, "catch_up_window_seconds"),
        ({"catch_up_window_seconds": True}, "catch_up_window_seconds"),
    ],
)
def test_a_wrong_policy_names_its_field(alice: Client, wrong: dict[str, Any], field: str) -> None:
    schedule = make_schedule(alice, make_action(alice))
    answer = alice.patch(f"schedules/{schedule['id']}", wrong)
    assert (answer.status, set(answer.fields)) == (422, {field})


def test_an_occurrence_that_waits_says_for_what(alice: Client, services: Services, clock: SetClock) -> None:
    schedule = make_schedule(alice, make_action(alice), overlap="buffer_one")
    plan(services, clock.now())
    for _ in range(3):
        dispatch(services, clock.forward(10))
    found = alice.get("triggers", schedule_id=schedule["id"]).json["triggers"]
    planned, skipped, waiting, first = found
    assert [each["hold"] for each in (planned, skipped, waiting, first)] == [None, None, "overlap", None]
    assert first["due_at"] in waiting["reason"]
    assert (skipped["status"], first["due_at"] in skipped["reason"]) == ("skipped", True)
    told = alice.get(f"schedules/{schedule['id']}/explain", at=waiting["due_at"]).json["explanation"]
    assert told["outcome"] == "held"
    assert waiting["reason"].rstrip(".") in told["sentence"]
    assert alice.get(f"schedules/{schedule['id']}").json["schedule"]["next_run_at"] == planned["due_at"]
