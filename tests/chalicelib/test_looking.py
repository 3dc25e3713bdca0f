"""Preview, next times and explanations over HTTP."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.dispatch import dispatch
from shared.plan import plan
from shared.schedule import ScheduleId
from shared.services import Services
from shared.store.tables import schedules, triggers
from tests.chalicelib.client import Client
from tests.chalicelib.conftest import make_action, make_schedule
from tests.fakes import SetClock
from tests.world import count, set_schedule, set_trigger, the_triggers

NIGHTLY = {
    "schedule_type": "recurring",
    "schedule_value": "30 2 * * *",
    "schedule_unit": "cron",
    "timezone": "Europe/Berlin",
}
SPRING = {**NIGHTLY, "from": "2027-03-27T12:00:00Z"}


def previewed(client: Client, **body: Any) -> Any:
    answer = client.post("schedules/preview", body)
    assert answer.status == 200, answer.text
    return answer.json["preview"]


def explained(client: Client, schedule_id: int, at: datetime) -> Any:
    answer = client.get(f"schedules/{schedule_id}/explain", at=at.isoformat())
    assert answer.status == 200, answer.text
    return answer.json["explanation"]


def instants(shown: Any) -> list[datetime]:
    return [datetime.fromisoformat(time["due_at"]) for time in shown["times"]]


def test_a_preview_shows_times_in_both_clocks_and_remarks_on_the_change(alice: Client) -> None:
    shown = previewed(alice, **SPRING, count=2)
    assert [(time["due_at"], time["local"]) for time in shown["times"]] == [
        ("2027-03-28T01:00:00Z", "2027-03-28T03:00:00+02:00"),
        ("2027-03-29T00:30:00Z", "2027-03-29T02:30:00+02:00"),
    ]
    assert "from 02:00 to 03:00" in shown["times"][0]["remark"]
    assert shown["times"][1]["remark"] is None
    assert "Berlin" in shown["text"]
    assert shown["diff"] is None


def test_a_preview_writes_nothing(alice: Client, services: Services) -> None:
    schedule = make_schedule(alice, make_action(alice))
    before = alice.get(f"schedules/{schedule['id']}").text
    previewed(alice, **NIGHTLY, schedule_id=schedule["id"], count=1000)
    assert alice.get(f"schedules/{schedule['id']}").text == before
    assert (count(services, schedules), count(services, triggers)) == (1, 0)


def test_a_preview_keeps_to_count_start_end_and_runs(alice: Client) -> None:
    every = {"schedule_type": "recurring", "schedule_value": 10, "schedule_unit": "second"}
    bounds = {"starts_at": "2030-01-01T00:00:00Z", "ends_at": "2030-01-01T00:01:00Z"}
    assert len(previewed(alice, **every)["times"]) == 10
    assert [f"{time:%M:%S}" for time in instants(previewed(alice, **every, **bounds, count=50))] == [
        "00:00",
        "00:10",
        "00:20",
        "00:30",
        "00:40",
        "00:50",
        "01:00",
    ]
    assert len(previewed(alice, **every, **bounds, max_runs=2)["times"]) == 2
    assert len(previewed(alice, **every, count=1000)["times"]) == 1000


def test_a_preview_answers_every_fault_that_creating_would(alice: Client) -> None:
    wrong = {"schedule_type": "recurring", "schedule_value": "61 * * * *", "schedule_unit": "cron", "action_id": 999}
    created = alice.post("schedules", {**wrong, "name": "x"})
    answer = alice.post("schedules/preview", {**wrong, "count": 1001, "from": "yesterday"})
    assert answer.status == created.status == 422
    assert set(answer.fields) == {*created.fields, "count", "from"}
    assert set(alice.post("schedules/preview", {}).fields) == {"schedule_type", "schedule_value"}
    never = {**wrong, "schedule_value": "0 0 31 2 *"}
    assert "schedule_value" in alice.post("schedules/preview", never).fields


def test_a_preview_of_an_edit_takes_the_rest_from_the_stored_schedule_and_shows_the_difference(alice: Client) -> None:
    schedule = make_schedule(alice, make_action(alice), **NIGHTLY)
    shown = previewed(alice, schedule_id=schedule["id"], schedule_value="30 2 * * 1-5", **{"from": SPRING["from"]})
    assert shown["times"][0]["local"] == "2027-03-29T02:30:00+02:00"
    diff = shown["diff"]
    assert diff["complete"] is True
    assert diff["added"] == {"count": 0, "times": []}
    assert diff["removed"]["count"] == 25
    assert len(diff["removed"]["times"]) == 20
    assert diff["removed"]["times"][0] == "2027-03-28T01:00:00Z"
    same = previewed(alice, schedule_id=schedule["id"])
    assert (same["diff"]["added"]["count"], same["diff"]["removed"]["count"]) == (0, 0)


def test_a_preview_of_anothers_schedule_is_404(alice: Client, bob: Client) -> None:
    schedule = make_schedule(alice, make_action(alice))
    assert bob.post("schedules/preview", {**NIGHTLY, "schedule_id": schedule["id"]}).status == 404


def test_next_times_are_the_ones_that_are_then_planned(alice: Client, services: Services, clock: SetClock) -> None:
    schedule_id = make_schedule(alice, make_action(alice))["id"]
    plan(services, clock.now())
    shown = alice.get(f"schedules/{schedule_id}/next", count=4).json["next"]
    for _ in range(3):
        dispatch(services, clock.forward(10))
    assert instants(shown) == [row.due_at for row in the_triggers(services, ScheduleId(schedule_id))]


def test_next_times_of_a_paused_schedule_are_those_after_resuming_and_a_processed_one_has_none(
    alice: Client, services: Services
) -> None:
    schedule_id = make_schedule(alice, make_action(alice), schedule_status="inactive")["id"]
    assert len(alice.get(f"schedules/{schedule_id}/next").json["next"]["times"]) == 10
    set_schedule(services, ScheduleId(schedule_id), schedule_status="processed")
    assert alice.get(f"schedules/{schedule_id}/next").json["next"]["times"] == []
    assert set(alice.get(f"schedules/{schedule_id}/next", count=0).fields) == {"count"}


def test_an_explanation_follows_an_occurrence_from_plan_to_end(
    alice: Client, services: Services, clock: SetClock
) -> None:
    schedule_id = make_schedule(alice, make_action(alice))["id"]
    plan(services, clock.now())
    (trigger,) = the_triggers(services, ScheduleId(schedule_id))
    told = explained(alice, schedule_id, trigger.due_at)
    assert (told["outcome"], told["trigger_id"]) == ("will_run", trigger.id)
    assert "It will run at" in told["sentence"]
    dispatch(services, clock.forward(10))
    assert explained(alice, schedule_id, trigger.due_at)["outcome"] == "queued"
    ended = {"started_at": clock.now(), "finished_at": clock.now(), "attempt": 1}
    set_trigger(services, trigger.id, status="failed", reason="it broke", **ended)
    told = explained(alice, schedule_id, trigger.due_at + timedelta(milliseconds=300))
    assert told["outcome"] == "failed"
    assert told["sentence"].endswith("it broke.")
    assert told["nearest"]["after"] == (trigger.due_at + timedelta(seconds=10)).isoformat().replace("+00:00", "Z")


def test_explanations_of_instants_that_nothing_is_written_of(
    alice: Client, services: Services, clock: SetClock
) -> None:
    schedule = make_schedule(alice, make_action(alice), max_runs=3)
    schedule_id = schedule["id"]
    plan(services, clock.now())
    due = the_triggers(services, ScheduleId(schedule_id))[0].due_at
    told = explained(alice, schedule_id, due + timedelta(seconds=5))
    assert told["outcome"] == "not_due"
    assert [datetime.fromisoformat(told["nearest"][side]) for side in ("before", "after")] == [
        due,
        due + timedelta(seconds=10),
    ]
    assert explained(alice, schedule_id, due + timedelta(seconds=20))["outcome"] == "will_run"
    assert explained(alice, schedule_id, due + timedelta(seconds=30))["outcome"] == "over"
    assert explained(alice, schedule_id, due - timedelta(days=1))["outcome"] == "before_creation"
    alice.post(f"schedules/{schedule_id}/pause")
    assert explained(alice, schedule_id, due)["outcome"] == "cancelled"
    assert explained(alice, schedule_id, due + timedelta(seconds=10))["outcome"] == "paused"
    alice.delete(f"schedules/{schedule_id}")
    assert alice.get(f"schedules/{schedule_id}/explain").status == 404


def test_an_explanation_knows_absolute_and_relative_schedules_and_runs_by_hand(
    alice: Client, services: Services, clock: SetClock
) -> None:
    action = make_action(alice)
    instant = clock.now().replace(microsecond=0) + timedelta(hours=1)
    absolute = make_schedule(alice, action, schedule_type="absolute", schedule_value=instant.isoformat())["id"]
    assert explained(alice, absolute, instant)["outcome"] == "will_run"
    told = explained(alice, absolute, instant - timedelta(minutes=1))
    assert (told["outcome"], told["nearest"]["before"]) == ("not_due", None)
    assert datetime.fromisoformat(told["nearest"]["after"]) == instant
    relative = make_schedule(alice, action, schedule_type="relative")["id"]
    assert "after the end of the one before" in explained(alice, relative, instant)["sentence"]
    manual = alice.post(f"schedules/{relative}/run").json["trigger"]
    told = explained(alice, relative, datetime.fromisoformat(manual["due_at"]))
    assert told["trigger_id"] == manual["id"]
    assert "asked for by hand" in told["sentence"]


@pytest.mark.parametrize("at", ["", "yesterday", "2027-03-28T01:00:00"])
def test_an_instant_without_sense_or_zone_is_refused(alice: Client, at: str) -> None:
    schedule_id = make_schedule(alice, make_action(alice))["id"]
    assert set(alice.get(f"schedules/{schedule_id}/explain", at=at).fields) == {"at"}


def test_what_a_calendar_excludes_is_left_out_of_a_preview_and_explained(alice: Client) -> None:
    body = {"name": "Closed", "timezone": "Europe/Berlin", "weekly": [{"days": ["sat", "sun"]}]}
    calendar_id = alice.post("calendars", body).json["calendar"]["id"]
    schedule = make_schedule(alice, make_action(alice), **NIGHTLY)
    edit = {"schedule_id": schedule["id"], "calendar_ids": [calendar_id], "from": SPRING["from"]}
    shown = previewed(alice, **edit, count=5)
    assert [time["local"][:10] for time in shown["times"]] == [f"2027-03-{day}" for day in (29, 30, 31)] + [
        "2027-04-01",
        "2027-04-02",
    ]
    assert (shown["diff"]["added"]["count"], shown["diff"]["removed"]["count"]) == (0, 25)
    alice.patch(f"schedules/{schedule['id']}", {"calendar_ids": [calendar_id]})
    told = explained(alice, schedule["id"], datetime.fromisoformat("2027-04-03T02:30:00+02:00"))
    assert told["outcome"] == "skipped"
    assert "Excluded by the calendar Closed" in told["sentence"]
    assert set(alice.post("schedules/preview", {**NIGHTLY, "calendar_ids": [99]}).fields) == {"calendar_ids[0]"}


def open_on_weekdays(client: Client) -> int:
    """A calendar that excludes weekends; its id."""
    body = {"name": "Closed", "timezone": "Europe/Berlin", "weekly": [{"days": ["sat", "sun"]}]}
    return int(client.post("calendars", body).json["calendar"]["id"])


@pytest.fixture
def friday(clock: SetClock) -> SetClock:
    """An hour past noon on a Friday in Berlin; tokens are of the real time."""
    clock.real = clock.instant
    clock.instant = datetime.fromisoformat("2027-01-08T13:00:00+01:00")
    return clock


def test_the_nearest_times_that_an_explanation_names_are_open_ones(alice: Client, friday: SetClock) -> None:
    schedule = make_schedule(alice, make_action(alice), **NIGHTLY, calendar_ids=[open_on_weekdays(alice)])
    friday.instant += timedelta(days=14)
    told = explained(alice, schedule["id"], datetime.fromisoformat("2027-01-17T12:00:00+01:00"))
    assert told["outcome"] == "not_due"
    assert told["nearest"] == {"before": "2027-01-15T01:30:00Z", "after": "2027-01-18T01:30:00Z"}
    assert "the one before was due at 2027-01-15 02:30:00 Europe/Berlin" in told["sentence"]


def test_an_explanation_follows_an_occurrence_that_a_calendar_moves(alice: Client, friday: SetClock) -> None:
    closed = {"calendar_ids": [open_on_weekdays(alice)], "shift": "next"}
    weekly = make_schedule(alice, make_action(alice), **NIGHTLY | {"schedule_value": "0 9 * * sat"}, **closed)["id"]
    told = explained(alice, weekly, datetime.fromisoformat("2027-01-09T09:00:00+01:00"))
    assert told["outcome"] == "skipped"
    assert "Excluded by the calendar Closed; moved to 2027-01-11T08:00:00Z" in told["sentence"]
    assert explained(alice, weekly, datetime.fromisoformat("2027-01-11T09:00:00+01:00"))["outcome"] == "will_run"
    told = explained(alice, weekly, datetime.fromisoformat("2027-01-10T09:00:00+01:00"))
    assert (told["outcome"], told["nearest"]["after"]) == ("not_due", "2027-01-11T08:00:00Z")


def test_an_explanation_knows_where_a_single_instant_moved(alice: Client, friday: SetClock) -> None:
    once = {"schedule_type": "absolute", "schedule_value": "2027-01-09T09:00:00+01:00", "timezone": "Europe/Berlin"}
    closed = {"calendar_ids": [open_on_weekdays(alice)], "shift": "next"}
    single = make_schedule(alice, make_action(alice), **once, **closed)["id"]
    told = explained(alice, single, datetime.fromisoformat(once["schedule_value"]))
    assert told["outcome"] == "skipped"
    assert "moved to 2027-01-11T08:00:00Z" in told["sentence"]
    assert explained(alice, single, datetime.fromisoformat("2027-01-11T08:00:00Z"))["outcome"] == "will_run"


def test_an_explanation_of_a_jittered_schedule_names_the_second_that_was_drawn(
    alice: Client, services: Services, friday: SetClock
) -> None:
    spread = make_schedule(alice, make_action(alice), **NIGHTLY, jitter_seconds=3600)["id"]
    plan(services, friday.now())
    (trigger,) = the_triggers(services, ScheduleId(spread))
    planned = datetime.fromisoformat("2027-01-09T02:30:00+01:00")
    assert timedelta(seconds=1) < trigger.due_at - planned <= timedelta(hours=1)
    assert explained(alice, spread, trigger.due_at)["outcome"] == "will_run"
    told = explained(alice, spread, planned)
    assert told["outcome"] == "not_due"
    assert datetime.fromisoformat(told["nearest"]["after"]) == trigger.due_at
    again = explained(alice, spread, trigger.due_at + timedelta(minutes=1))
    assert datetime.fromisoformat(again["nearest"]["before"]) == trigger.due_at


def test_an_instant_that_passed_long_ago_is_still_known(alice: Client, services: Services, friday: SetClock) -> None:
    instant = friday.now() + timedelta(hours=1)
    once = make_schedule(alice, make_action(alice), schedule_type="absolute", schedule_value=instant.isoformat())["id"]
    plan(services, friday.now())
    dispatch(services, friday.forward(3600))
    (trigger,) = the_triggers(services, ScheduleId(once))
    ended = {"started_at": friday.now(), "finished_at": friday.now(), "attempt": 1}
    set_trigger(services, trigger.id, status="completed", **ended)
    set_schedule(services, ScheduleId(once), schedule_status="processed")
    friday.instant += timedelta(days=400)
    assert explained(alice, once, instant)["outcome"] == "completed"
    told = explained(alice, once, instant + timedelta(days=30))
    assert (told["outcome"], told["nearest"]["after"]) == ("not_due", None)
    assert datetime.fromisoformat(told["nearest"]["before"]) == instant
    set_trigger(services, trigger.id, due_at=instant - timedelta(days=900))  # as if nothing were kept of it
    assert explained(alice, once, instant)["outcome"] in ("forgotten", "over")


def test_an_excluded_time_is_no_run_for_max_runs(alice: Client, friday: SetClock) -> None:
    closed = {"calendar_ids": [open_on_weekdays(alice)], "max_runs": 2}
    schedule = make_schedule(alice, make_action(alice), **NIGHTLY, **closed)["id"]
    outcomes = {
        day: explained(alice, schedule, datetime.fromisoformat(f"2027-01-{day}T02:30:00+01:00"))["outcome"]
        for day in ("09", "11", "12", "13")
    }
    assert outcomes == {"09": "skipped", "11": "will_run", "12": "will_run", "13": "over"}
