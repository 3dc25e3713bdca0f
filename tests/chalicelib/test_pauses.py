"""Pauses that say why, and end by themselves, over HTTP."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.answer import rfc3339
from shared.plan import plan
from shared.resume import resume
from shared.services import Services
from tests.chalicelib.client import Client
from tests.chalicelib.conftest import make_action, make_schedule
from tests.fakes import SetClock
from tests.world import set_schedule, the_triggers

NOTE = "the printer is on fire"


@pytest.fixture
def later(clock: SetClock) -> datetime:
    """In ten minutes; a token holds for longer."""
    return clock.now().replace(microsecond=0) + timedelta(minutes=10)


@pytest.fixture
def schedule_id(alice: Client, services: Services, clock: SetClock) -> Any:
    """A schedule of every ten seconds, planned."""
    made = make_schedule(alice, make_action(alice))["id"]
    plan(services, clock.now())
    return made


def read(client: Client, schedule_id: Any) -> Any:
    return client.get(f"schedules/{schedule_id}").json["schedule"]


def test_a_pause_is_shown_with_its_note_and_its_end_until_it_is_over(
    alice: Client, services: Services, clock: SetClock, schedule_id: Any, later: datetime
) -> None:
    paused = alice.post(f"schedules/{schedule_id}/pause", {"note": NOTE, "resume_at": rfc3339(later)}).json["schedule"]
    assert (paused["schedule_status"], paused["pause_note"]) == ("inactive", NOTE)
    assert paused["resume_at"] == rfc3339(later)
    tag = alice.get(f"schedules/{schedule_id}").headers["etag"]
    (trigger,) = the_triggers(services, schedule_id)
    assert (trigger.status, trigger.reason) == ("cancelled", f"the schedule was paused: {NOTE}")
    clock.instant = later
    resume(services, later)
    plan(services, later)
    seen = read(alice, schedule_id)
    assert (seen["schedule_status"], seen["pause_note"], seen["resume_at"]) == ("processing", None, None)
    assert seen["next_run_at"] is not None
    # As when somebody resumes it: whoever has read it before has not seen that it goes on.
    assert alice.sending(if_match=tag).patch(f"schedules/{schedule_id}", {"name": "another"}).status == 412


def test_pausing_again_changes_what_is_said_and_nothing_else(alice: Client, schedule_id: Any, later: datetime) -> None:
    path = f"schedules/{schedule_id}/pause"
    first = alice.post(path, {"note": NOTE, "resume_at": rfc3339(later)}).json["schedule"]
    assert alice.post(path).json["schedule"] == first
    assert alice.post(path, {"note": "and the scanner"}).json["schedule"]["resume_at"] == rfc3339(later)
    cleared = alice.post(path, {"note": "", "resume_at": None}).json["schedule"]
    assert (cleared["pause_note"], cleared["resume_at"]) == (None, None)
    assert cleared["version"] == first["version"]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"resume_at": "2020-01-01T00:00:00Z"}, {"resume_at"}),
        ({"resume_at": "2099-01-01T00:00:00"}, {"resume_at"}),
        ({"resume_at": 5, "note": 5}, {"resume_at", "note"}),
        ({"note": "x" * 201}, {"note"}),
    ],
)
def test_a_pause_that_is_not_clear_pauses_nothing(
    alice: Client, schedule_id: Any, body: dict[str, Any], fields: set[str]
) -> None:
    answer = alice.post(f"schedules/{schedule_id}/pause", body)
    assert (answer.status, set(answer.fields)) == (422, fields)
    answer = alice.post("schedules/bulk", {"action": "pause", "ids": [schedule_id], **body})
    assert (answer.status, set(answer.fields)) == (422, fields)
    assert read(alice, schedule_id)["schedule_status"] == "processing"


def test_a_pause_that_ends_this_very_moment_is_none(alice: Client, schedule_id: Any, clock: SetClock) -> None:
    answer = alice.post(f"schedules/{schedule_id}/pause", {"resume_at": rfc3339(clock.now())})
    assert answer.fields == {"resume_at": "must lie in the future; to have the schedule go on now, resume it"}


def test_no_update_writes_what_is_said_of_a_pause(alice: Client, schedule_id: Any, later: datetime) -> None:
    said = {"pause_note": NOTE, "note": NOTE, "resume_at": rfc3339(later)}
    paused = alice.patch(f"schedules/{schedule_id}", {**said, "schedule_status": "inactive"}).json["schedule"]
    assert (paused["schedule_status"], paused["pause_note"], paused["resume_at"]) == ("inactive", None, None)


def test_an_edit_of_the_definition_makes_the_pause_one_without_an_end(
    alice: Client, schedule_id: Any, later: datetime
) -> None:
    alice.post(f"schedules/{schedule_id}/pause", {"note": NOTE, "resume_at": rfc3339(later)})
    renamed = alice.patch(f"schedules/{schedule_id}", {"name": "another", "tags": ["x"]}).json["schedule"]
    assert renamed["resume_at"] == rfc3339(later)
    edited = alice.patch(f"schedules/{schedule_id}", {"schedule_value": 20}).json["schedule"]
    assert (edited["schedule_status"], edited["pause_note"], edited["resume_at"]) == ("inactive", NOTE, None)


def test_many_are_paused_with_one_note_and_those_that_were_get_it_too(
    alice: Client, services: Services, clock: SetClock, later: datetime
) -> None:
    action = make_action(alice)
    active, paused = (make_schedule(alice, action)["id"] for _ in range(2))
    clock.forward(60)
    plan(services, clock.now())
    alice.post(f"schedules/{paused}/pause")
    set_schedule(services, paused, status_note="it was to go on and did not")
    range_ = {"from": rfc3339(clock.now() - timedelta(seconds=30)), "to": rfc3339(clock.now())}
    assert alice.post(f"schedules/{paused}/backfill", range_).json["backfill"]["created"] > 0
    body = {"action": "pause", "ids": [active, paused], "note": NOTE, "resume_at": rfc3339(later)}
    assert alice.post("schedules/bulk", body).json["bulk"]["changed"] == 2
    for schedule_id in (active, paused):
        seen = read(alice, schedule_id)
        assert (seen["schedule_status"], seen["pause_note"], seen["resume_at"]) == ("inactive", NOTE, rfc3339(later))
        assert seen["status_note"] is None
    assert {trigger.reason for trigger in the_triggers(services, active)} == {f"the schedule was paused: {NOTE}"}
    waiting = [trigger.status for trigger in the_triggers(services, paused) if trigger.kind == "backfill"]
    assert set(waiting) == {"scheduled"}, "what was asked for during the pause was cancelled by the second one"
    again = alice.post("schedules/bulk", {"action": "pause", "ids": [active, paused]}).json["bulk"]
    assert (again["changed"], again["unchanged"]) == (0, 2)
    clock.instant = later
    assert resume(services, later).resumed == 2


@pytest.mark.parametrize("action", ["resume", "delete"])
def test_what_is_said_of_a_pause_is_refused_with_anything_else(
    alice: Client, schedule_id: Any, later: datetime, action: str
) -> None:
    body = {"action": action, "ids": [schedule_id], "note": NOTE, "resume_at": rfc3339(later)}
    answer = alice.post("schedules/bulk", body)
    assert answer.fields == dict.fromkeys(("note", "resume_at"), "is of a pause only")
    assert read(alice, schedule_id)["schedule_status"] == "processing"


def test_looking_ahead_knows_when_the_pause_is_over(alice: Client, schedule_id: Any, later: datetime) -> None:
    alice.post(f"schedules/{schedule_id}/pause", {"note": NOTE, "resume_at": rfc3339(later)})
    times = alice.get(f"schedules/{schedule_id}/next", count=1).json["next"]["times"]
    assert later < datetime.fromisoformat(times[0]["due_at"]) <= later + timedelta(seconds=10)
    path, first = f"schedules/{schedule_id}/explain", datetime.fromisoformat(times[0]["due_at"])
    before = alice.get(path, at=rfc3339(first - timedelta(seconds=20))).json["explanation"]
    assert (before["outcome"], before["sentence"].endswith(f"the schedule is paused: {NOTE}.")) == ("paused", True)
    assert alice.get(path, at=rfc3339(first)).json["explanation"]["outcome"] == "will_run"
