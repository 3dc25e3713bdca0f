"""Calendars whose events stand at a URL, over HTTP: asked when it is saved, and never for nothing."""

from typing import Any

import pytest

from shared.manage import calendars
from shared.manage.feeds import BETWEEN_FETCHES
from shared.refresh import refresh
from shared.runners.feeds import fetch
from shared.services import Services
from shared.store.tables import kept_answers
from shared.store.trials import SLOTS
from tests.chalicelib.client import Answered, Client
from tests.fakes import SetClock
from tests.targets import Target
from tests.world import count, the_calendar

EVENT = "BEGIN:VEVENT\nDTSTART:{}\nEND:VEVENT\n"
BAD_ZONE = {"timezone": "Mars/Olympus"}


def text(*days: str) -> str:
    return f"BEGIN:VCALENDAR\n{''.join(map(EVENT.format, days))}END:VCALENDAR\n"


@pytest.fixture
def url(target: Target) -> str:
    """Where a calendar stands that closes on a day in 2030."""
    target.said = text("20301003")
    return f"{target.url}/feed"


def made(client: Client, url: str, **fields: Any) -> Any:
    answer = client.post("calendars", {"name": "Holidays", "icalendar_url": url, **fields})
    assert answer.status == 201, answer.text
    return answer.json["calendar"]


def days_of(services: Services, calendar_id: int) -> int:
    return len(the_calendar(services, calendar_id).exclusions["spans"])


def fail(services: Services, target: Target, clock: SetClock) -> None:
    """A day later the URL is away."""
    target.answers = [503]
    clock.real = clock.real_now()
    with services.database.begin() as connection:
        connection.exec_driver_sql("UPDATE calendars SET fetch_at = now() - interval '1 day'")
    refresh(services, clock.now(), clock.real_now())


def test_it_is_asked_when_it_is_saved(alice: Client, services: Services, clock: SetClock, url: str) -> None:
    calendar = made(alice, url, dates=["2030-12-25"])
    assert calendar["icalendar_url"] == url
    assert calendar["fetch_error"] is None
    assert calendar["fetched_at"] == clock.now().isoformat().replace("+00:00", "Z")
    assert alice.get(f"calendars/{calendar['id']}").json["calendar"] == calendar
    assert days_of(services, calendar["id"]) == 2


def test_one_without_a_url_says_so(alice: Client, target: Target) -> None:
    for given in ({}, {"icalendar_url": None}, {"icalendar_url": ""}):
        calendar = alice.post("calendars", {"name": f"{given}", **given}).json["calendar"]
        assert {name: calendar[name] for name in ("icalendar_url", "fetched_at", "fetch_error")} == dict.fromkeys(
            ("icalendar_url", "fetched_at", "fetch_error")
        )
    assert target.seen == []


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("<html>", "is no iCalendar text: it begins with BEGIN:VCALENDAR"),
        (text(*["20301003"] * 2001), "has 2001 events; 2000 are the most"),
        (text("20301399"), "event 1: month must be in 1..12"),
    ],
)
def test_what_is_no_calendar_is_refused_by_its_field(alice: Client, target: Target, said: str, why: str) -> None:
    target.said = said
    answer = alice.post("calendars", {"name": "n", "icalendar_url": f"{target.url}/feed"})
    assert (answer.status, answer.fields) == (422, {"icalendar_url": why})
    assert alice.get("calendars").json["calendars"] == []


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("ftp://example.org/", "must begin with http:// or https://"),
        ("https://me:hidden@example.org/a.ics", "credentials do not belong into a URL"),
        ("https://exa mple.org/", "no spaces"),
        ("http://127.0.0.1:1/", "cannot be fetched"),
        ("http://169.254.169.254/latest/meta-data/", "refused to connect to 169.254.169.254"),
        ("https://example.org/" + "a" * 8192, "8192 characters at most"),
        (17, "must be text"),
    ],
)
def test_a_url_that_cannot_be_asked_is_refused_by_its_field(alice: Client, wrong: Any, why: str) -> None:
    answer = alice.post("calendars", {"name": "n", "icalendar_url": wrong})
    assert answer.status == 422
    assert set(answer.fields) == {"icalendar_url"}
    assert why in answer.fields["icalendar_url"]


def test_nobody_is_called_for_what_is_refused_anyway(alice: Client, bob: Client, target: Target, url: str) -> None:
    assert alice.post("calendars", {"icalendar_url": url}).status == 422
    assert alice.post("calendars", {"name": 5, "icalendar_url": url}).status == 422
    calendar = alice.post("calendars", {"name": "mine"}).json["calendar"]["id"]
    body = {"icalendar_url": url}
    assert bob.patch(f"calendars/{calendar}", body).status == 404
    assert alice.sending(if_match='"other"').patch(f"calendars/{calendar}", body).status == 412
    assert target.seen == []


def test_what_is_wrong_beside_the_url_is_told_with_it(alice: Client) -> None:
    body = {"name": "n", "icalendar_url": "http://127.0.0.1:1/", "dates": ["never"], **BAD_ZONE}
    assert set(alice.post("calendars", body).fields) == {"icalendar_url", "dates[0]", "timezone"}


def test_another_url_takes_its_place_and_null_takes_it_away(
    alice: Client, services: Services, target: Target, url: str
) -> None:
    calendar = made(alice, url)["id"]
    target.said = text("20301003", "20301225")
    changed = alice.patch(f"calendars/{calendar}", {"icalendar_url": f"{url}/other"}).json["calendar"]
    assert (changed["icalendar_url"], days_of(services, calendar)) == (f"{url}/other", 2)
    cleared = alice.patch(f"calendars/{calendar}", {"icalendar_url": None}).json["calendar"]
    assert (cleared["icalendar_url"], cleared["fetched_at"], days_of(services, calendar)) == (None, None, 0)
    row = the_calendar(services, calendar)
    assert (row.feed, row.feed_etag, row.feed_modified, row.fetch_at) == (None,) * 4


def test_an_edit_of_something_else_keeps_what_the_url_said_and_asks_nobody(
    alice: Client, services: Services, target: Target, url: str
) -> None:
    calendar = made(alice, url)
    body = {"dates": ["2030-12-25"], "timezone": "Europe/Berlin", "icalendar_url": url}
    changed = alice.put(f"calendars/{calendar['id']}", body).json["calendar"]
    assert changed["fetched_at"] == calendar["fetched_at"]
    assert len(target.seen) == 1
    spans = the_calendar(services, calendar["id"]).exclusions["spans"]
    assert [start % 86_400 for start, _ in spans] == [22 * 3600, 23 * 3600]


def test_a_url_that_is_refused_leaves_the_calendar_as_it_was(alice: Client, target: Target, url: str) -> None:
    calendar = made(alice, url)
    target.answers = [500]
    answer = alice.patch(f"calendars/{calendar['id']}", {"icalendar_url": f"{url}/other", "name": "new"})
    assert answer.fields == {"icalendar_url": "cannot be fetched: it answers HTTP 500, expected 200"}
    assert alice.get(f"calendars/{calendar['id']}").json["calendar"] == calendar


def test_a_failure_is_shown_and_stops_no_edit(
    alice: Client, services: Services, clock: SetClock, target: Target, url: str
) -> None:
    calendar = made(alice, url)
    fail(services, target, clock)
    path = f"calendars/{calendar['id']}"
    shown = alice.get(path).json["calendar"]
    assert shown["fetch_error"] == "The URL cannot be fetched: it answers HTTP 503, expected 200"
    assert (shown["fetched_at"], days_of(services, calendar["id"])) == (calendar["fetched_at"], 1)
    assert alice.patch(path, {"name": "renamed", "icalendar_url": url}).status == 200
    # Whoever sends it again has repaired it: it is asked by the next cleaner.
    assert the_calendar(services, calendar["id"]).fetch_at == clock.real_now()


def test_a_refresh_is_nobodys_edit(
    alice: Client, services: Services, clock: SetClock, target: Target, url: str
) -> None:
    path = f"calendars/{made(alice, url)['id']}"
    tag = alice.get(path).headers["etag"]
    fail(services, target, clock)
    assert alice.sending(if_none_match=tag).get(path).status == 200
    assert alice.sending(if_match=tag).patch(path, {"name": "new"}).status == 200
    assert alice.sending(if_match=tag).patch(path, {"name": "newer"}).status == 412


def test_a_user_asks_a_few_urls_at_a_time_and_others_are_not_held_up(
    alice: Client, bob: Client, clock: SetClock, target: Target, url: str
) -> None:
    def one_more(client: Client, name: str) -> Answered:
        return client.post("calendars", {"name": name, "icalendar_url": url})

    answers = [one_more(alice, f"c{number}") for number in range(len(SLOTS) + 1)]
    assert [answer.status for answer in answers] == [201] * len(SLOTS) + [429]
    assert int(answers[-1].headers["retry-after"]) == BETWEEN_FETCHES.total_seconds()
    assert len(target.seen) == len(SLOTS)
    assert one_more(bob, "his").status == 201
    assert alice.post("calendars", {"name": "without"}).status == 201
    clock.forward(BETWEEN_FETCHES.total_seconds())
    assert one_more(alice, "later").status == 201


def test_asked_twice_under_one_key_it_is_made_and_asked_once(
    alice: Client, services: Services, target: Target, url: str
) -> None:
    keyed = alice.sending(idempotency_key="once")
    first, again = (keyed.post("calendars", {"name": "n", "icalendar_url": url}) for _ in range(2))
    assert (first.status, again.status, again.text) == (201, 201, first.text)
    assert len(target.seen) == 1
    assert count(services, kept_answers) == 1


def test_who_dies_before_the_answer_is_kept_leaves_one_calendar(
    alice: Client, clock: SetClock, target: Target, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyed, create = alice.sending(idempotency_key="once"), calendars.create_calendar

    def dying(*arguments: Any) -> Any:
        monkeypatch.setattr(calendars, "create_calendar", create)
        create(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(calendars, "create_calendar", dying)
    body = {"name": "n", "icalendar_url": url}
    with pytest.raises(KeyboardInterrupt):
        keyed.post("calendars", body)
    clock.forward(30)
    assert [keyed.post("calendars", body).status for _ in range(2)] == [409, 409]
    assert [calendar["name"] for calendar in alice.get("calendars").json["calendars"]] == ["n"]


def test_no_transaction_is_open_while_a_url_is_asked(
    alice: Client, services: Services, target: Target, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is one connection: whoever held it would wait for it here."""

    def slowly(*arguments: Any) -> Any:
        services.database.now()
        return fetch(*arguments)

    monkeypatch.setattr("shared.manage.feeds.fetch", slowly)
    keyed = alice.sending(idempotency_key="k")
    calendar = keyed.post("calendars", {"name": "n", "icalendar_url": url}).json["calendar"]["id"]
    assert alice.patch(f"calendars/{calendar}", {"icalendar_url": f"{url}/other"}).status == 200
