"""Calendars over HTTP, and the fields of schedules that go with them."""

from typing import Any

import pytest

from tests.chalicelib.client import Client
from tests.chalicelib.conftest import make_action, make_schedule

HOLIDAYS = {
    "name": "Holidays",
    "timezone": "Europe/Berlin",
    "dates": ["2030-12-25"],
    "ranges": [{"from": "2030-12-27", "to": "2030-12-31"}],
    "weekly": [{"days": ["sat", "sun"], "from": "22:00", "to": "06:00"}],
    "icalendar": "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20301003\nEND:VEVENT\nEND:VCALENDAR",
}


def make_calendar(client: Client, **fields: Any) -> int:
    answer = client.post("calendars", {**HOLIDAYS, **fields})
    assert answer.status == 201, answer.text
    return int(answer.json["calendar"]["id"])


def test_a_calendar_reads_back_as_it_was_written(alice: Client) -> None:
    calendar_id = make_calendar(alice, user_id=99)
    calendar = alice.get(f"calendars/{calendar_id}").json["calendar"]
    assert HOLIDAYS.items() <= calendar.items()
    assert alice.get("calendars").json["calendars"] == [calendar]
    assert calendar["expanded_until"] > "2035"


def test_a_sent_field_is_written_and_null_clears_it(alice: Client) -> None:
    calendar_id = make_calendar(alice)
    answer = alice.patch(f"calendars/{calendar_id}", {"dates": ["2031-01-01"], "icalendar": None, "timezone": None})
    changed = {"dates": ["2031-01-01"], "icalendar": None, "timezone": "UTC"}
    assert {**HOLIDAYS, **changed}.items() <= answer.json["calendar"].items()


def test_everything_wrong_with_a_calendar_is_told_at_once(alice: Client) -> None:
    wrong = {
        "timezone": "Mars/Olympus",
        "dates": ["2030-02-30", "2030-02-28"],
        "weekly": [{"days": ["noday"]}],
        "ranges": "always",
        "icalendar": "hello",
    }
    assert set(alice.post("calendars", wrong).fields) == {
        *("name", "timezone", "dates[0]", "weekly[0].days[0]", "ranges", "icalendar")
    }
    calendar_id = make_calendar(alice)
    assert set(alice.patch(f"calendars/{calendar_id}", {"dates": [1]}).fields) == {"dates[0]"}
    assert alice.get(f"calendars/{calendar_id}").json["calendar"]["dates"] == HOLIDAYS["dates"]


def test_names_are_unique_among_ones_own(alice: Client, bob: Client) -> None:
    make_calendar(alice)
    assert alice.post("calendars", HOLIDAYS).status == 409
    other = make_calendar(alice, name="other")
    assert alice.patch(f"calendars/{other}", {"name": "Holidays"}).status == 409
    assert bob.post("calendars", HOLIDAYS).status == 201


def test_a_calendar_in_use_stays_until_its_last_schedule_is_gone(alice: Client) -> None:
    calendar_id, action_id = make_calendar(alice), make_action(alice)
    first = make_schedule(alice, action_id, calendar_ids=[calendar_id, calendar_id])
    second = make_schedule(alice, action_id, calendar_ids=[calendar_id])
    assert first["calendar_ids"] == [calendar_id]
    assert alice.delete(f"calendars/{calendar_id}").status == 409
    assert alice.patch(f"schedules/{first['id']}", {"calendar_ids": None}).json["schedule"]["calendar_ids"] == []
    assert alice.delete(f"calendars/{calendar_id}").status == 409
    alice.delete(f"schedules/{second['id']}")
    assert alice.delete(f"calendars/{calendar_id}").status == 200
    assert alice.get(f"calendars/{calendar_id}").status == 404


def test_a_schedule_heeds_only_ones_own_calendars(alice: Client, bob: Client) -> None:
    alices, bobs = make_calendar(alice), make_calendar(bob)
    action_id = make_action(bob)
    body = {"name": "s", "action_id": action_id, "schedule_type": 2, "schedule_value": 10, "schedule_unit": "second"}
    answer = bob.post("schedules", {**body, "calendar_ids": [bobs, alices, 999_999]})
    assert set(answer.fields) == {"calendar_ids[1]", "calendar_ids[2]"}
    schedule = make_schedule(bob, action_id)
    assert set(bob.patch(f"schedules/{schedule['id']}", {"calendar_ids": [alices]}).fields) == {"calendar_ids[0]"}


def test_the_fields_of_timing_read_back_and_null_clears_them(alice: Client) -> None:
    calendar_id, action_id = make_calendar(alice), make_action(alice)
    fields: dict[str, Any] = {
        "dst_gap": "skip",
        "dst_fold": "both",
        "jitter_seconds": 60,
        "shift": "next",
        "calendar_ids": [calendar_id],
    }
    schedule = make_schedule(alice, action_id, schedule_value="PT1H20M", schedule_unit="Duration", **fields)
    assert (
        fields | {"schedule_value": "PT1H20M", "schedule_unit": "duration", "version": 1}
    ).items() <= schedule.items()
    path = f"schedules/{schedule['id']}"
    assert alice.put(path, {**fields, "name": "same"}).json["schedule"]["version"] == 1
    for version, name in enumerate(fields, 2):
        assert alice.patch(path, {name: None}).json["schedule"]["version"] == version
    cleared: dict[str, Any] = {
        "dst_gap": None,
        "dst_fold": None,
        "jitter_seconds": 0,
        "shift": None,
        "calendar_ids": [],
    }
    assert cleared.items() <= alice.get(path).json["schedule"].items()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"dst_gap": "later"}, "dst_gap"),
        ({"dst_fold": 1}, "dst_fold"),
        ({"jitter_seconds": -1}, "jitter_seconds"),
        ({"jitter_seconds": 86401}, "jitter_seconds"),
        ({"jitter_seconds": True}, "jitter_seconds"),
        ({"jitter_seconds": 10}, "jitter_seconds"),
        ({"shift": "sideways"}, "shift"),
        ({"shift": "next", "schedule_type": "relative"}, "shift"),
        ({"calendar_ids": 5}, "calendar_ids"),
        ({"calendar_ids": ["x"]}, "calendar_ids[0]"),
        ({"calendar_ids": list(range(1, 22))}, "calendar_ids"),
        ({"schedule_unit": "duration", "schedule_value": "P1M"}, "schedule_value"),
        ({"schedule_unit": "duration", "schedule_value": "10"}, "schedule_value"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(alice: Client, wrong: dict[str, Any], field: str) -> None:
    body = {"name": "s", "action_id": make_action(alice), "schedule_type": "recurring", "schedule_value": 10}
    answer = alice.post("schedules", {**body, "schedule_unit": "second", **wrong})
    assert answer.status == 422
    assert set(answer.fields) == {field}
