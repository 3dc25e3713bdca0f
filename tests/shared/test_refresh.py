"""Calendars whose events stand at a URL stay as current as that is, and as good as they were while it is away."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared import refresh as refreshing
from shared.calendars import CalendarId
from shared.dispatch import dispatch
from shared.failpoints import Injected, arm
from shared.manage.calendars import change_calendar, get_calendar
from shared.manage.draft import Draft
from shared.manage.schedules import change_schedule
from shared.plan import plan
from shared.refresh import BATCH, LEASE, Refreshed, refresh
from shared.schedule import ScheduleId
from shared.services import Services
from shared.store.engine import Database
from shared.user import UserId
from tests.fakes import SetClock
from tests.targets import Target
from tests.world import complete_all, new_feed, new_logger_schedule, new_user, the_calendar, the_schedule, the_triggers

# A Friday.
NOW = datetime(2026, 12, 18, 8, 0, tzinfo=UTC)
DAILY = {"schedule_value": "0 9 * * *", "schedule_unit": "cron", "active_since": NOW, "anchor": NOW}


@pytest.fixture
def clock() -> SetClock:
    """Stands at a known day."""
    return SetClock(NOW)


def text(*days: str) -> str:
    events = "".join(f"BEGIN:VEVENT\nDTSTART:{day}\nEND:VEVENT\n" for day in days)
    return f"BEGIN:VCALENDAR\n{events}END:VCALENDAR\n"


def go(services: Services) -> Refreshed:
    return refresh(services, services.clock.now(), services.clock.real_now())


def heeding(services: Services, target: Target, **fields: Any) -> tuple[ScheduleId, CalendarId]:
    """A planned schedule, and the calendar that it heeds, which has excluded nothing so far."""
    schedule = new_logger_schedule(services, **DAILY)
    owner = UserId(the_schedule(services, schedule).user_id)
    calendar = new_feed(services, owner, f"{target.url}/feed", **fields)
    change_schedule(services, owner, schedule, Draft({"calendar_ids": [calendar]}))
    plan(services, NOW)
    return schedule, calendar


def statuses(services: Services, schedule: ScheduleId) -> list[str]:
    return [row.status for row in the_triggers(services, schedule)]


@pytest.mark.usefixtures("sound")
def test_what_a_url_says_by_now_is_heeded_by_the_schedules_that_use_it(
    services: Services, clock: SetClock, target: Target
) -> None:
    target.said = text("20261219")
    schedule, calendar = heeding(services, target)
    before = statuses(services, schedule)
    assert go(services) == Refreshed(asked=1, replanned=1)
    assert statuses(services, schedule) == [*before[:-1], "cancelled"]
    plan(services, clock.now())
    for _ in range(3):
        clock.forward(86_400)
        dispatch(services, clock.now())
        complete_all(services)
    decided = {row.due_at.day: row.reason for row in the_triggers(services, schedule) if row.status == "skipped"}
    assert decided == {19: "Excluded by the calendar feed."}
    row = the_calendar(services, calendar)
    assert (row.feed, row.fetched_at, row.fetch_error, row.fetch_failures) == (target.said, NOW, None, 0)
    assert row.expanded_until == datetime(2036, 1, 1, tzinfo=UTC)
    assert timedelta(hours=18) <= row.fetch_at - NOW <= timedelta(hours=24)


def test_what_has_not_changed_leaves_its_schedules_alone(services: Services, clock: SetClock, target: Target) -> None:
    target.said = text("20261219")
    schedule, calendar = heeding(services, target)
    go(services)
    plan(services, clock.now())
    planned = statuses(services, schedule)
    clock.forward(86_400)
    assert go(services) == Refreshed(asked=1)
    assert target.seen[-1].headers["if-none-match"] == the_calendar(services, calendar).feed_etag
    assert the_calendar(services, calendar).fetched_at == clock.now()
    # Another text that says the same, and something about a day long ago.
    target.said = text("20261219", "20250101")
    clock.forward(86_400)
    assert go(services) == Refreshed(asked=1)
    assert the_calendar(services, calendar).feed == target.said
    assert statuses(services, schedule) == planned


@pytest.mark.parametrize(
    ("status", "said", "why"),
    [
        (404, text(), "The URL cannot be fetched: it answers HTTP 404, expected 200"),
        (200, "<html>", "What the URL says cannot be used: is no iCalendar text: it begins with BEGIN:VCALENDAR"),
        (200, text("20261399"), "What the URL says cannot be used: event 1: month must be in 1..12"),
        (200, " ", "The URL cannot be read: it says nothing, where an iCalendar text should be"),
    ],
)
@pytest.mark.usefixtures("sound")
def test_while_it_fails_what_it_said_before_counts(
    services: Services, clock: SetClock, target: Target, status: int, said: str, why: str
) -> None:
    target.said = text("20261219")
    schedule, calendar = heeding(services, target)
    go(services)
    good = the_calendar(services, calendar)
    plan(services, clock.now())
    planned = statuses(services, schedule)
    target.answers, target.said = [status], said
    for failures in (1, 2):
        now = clock.forward(86_400)
        assert go(services) == Refreshed(asked=1, failed=1)
        bad = the_calendar(services, calendar)
        assert (bad.fetch_error, bad.fetch_failures) == (why, failures)
        assert (bad.feed, bad.feed_etag, bad.exclusions, bad.fetched_at) == (
            *(good.feed, good.feed_etag, good.exclusions, good.fetched_at),
        )
        assert timedelta(minutes=7) * failures < bad.fetch_at - now <= timedelta(minutes=10) * failures
    assert statuses(services, schedule) == planned
    target.answers, target.said = [200], text("20261219", "20261226")
    clock.forward(86_400)
    assert go(services) == Refreshed(asked=1, replanned=1)
    healed = the_calendar(services, calendar)
    assert (healed.fetch_error, healed.fetch_failures) == (None, 0)


def test_one_that_fails_stops_nobody_else(services: Services, target: Target) -> None:
    target.said = text("20261219")
    user = new_user(services)
    refused = new_feed(services, user, "http://10.0.0.1/", name="inside")
    closed = new_feed(services, user, "http://127.0.0.1:1/", name="away")
    good = new_feed(services, user, f"{target.url}/feed", name="good")
    assert go(services) == Refreshed(asked=3, failed=2)
    assert (
        "refused to connect to 10.0.0.1: it is not on the public internet"
        in the_calendar(services, refused).fetch_error
    )
    assert the_calendar(services, closed).fetch_error.startswith("The URL cannot be fetched: ")
    assert the_calendar(services, good).feed == target.said


def test_events_that_repeat_are_known_further_as_time_passes_even_while_the_url_is_away(
    services: Services, clock: SetClock, target: Target
) -> None:
    yearly = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20201225\nRRULE:FREQ=YEARLY\nEND:VEVENT\nEND:VCALENDAR"
    calendar = new_feed(services, new_user(services), f"{target.url}/status/500", yearly)
    go(services)
    first = the_calendar(services, calendar)
    clock.instant = datetime(2028, 3, 1, tzinfo=UTC)
    go(services)
    second = the_calendar(services, calendar)
    assert (first.expanded_until.year, second.expanded_until.year) == (2036, 2038)
    last = [datetime.fromtimestamp(row.exclusions["spans"][-1][0], UTC).year for row in (first, second)]
    assert last == [2035, 2037]
    assert second.fetch_error == "The URL cannot be fetched: it answers HTTP 500, expected 200"


def test_nothing_is_asked_before_its_time(services: Services, clock: SetClock, target: Target) -> None:
    new_feed(services, new_user(services), f"{target.url}/feed", fetch_at=clock.now() + timedelta(seconds=1))
    assert go(services) == Refreshed()
    assert target.seen == []


def test_two_cleaners_ask_each_url_once(services: Services, database: Database, target: Target) -> None:
    target.said = text()
    user = new_user(services)
    for number in range(20):
        new_feed(services, user, f"{target.url}/feed", name=f"c{number}")
    cleaners = [replace(services, database=database)] * 3
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(go, cleaners))
    assert sum(each.asked for each in done) == len(target.seen) == 20


def test_a_batch_is_bounded_and_those_that_wait_longest_come_first(
    services: Services, clock: SetClock, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert BATCH <= 64
    monkeypatch.setattr(refreshing, "BATCH", 2)
    target.said = text()
    user = new_user(services)
    for number in (1, 3, 2):
        due = clock.now() - timedelta(hours=number)
        new_feed(services, user, f"{target.url}/feed?{number}=1", name=f"c{number}", fetch_at=due)
    first, second = go(services), go(services)
    assert (first.asked, first.more, second.asked, second.more) == (2, True, 1, False)
    assert [list(seen.query) for seen in target.seen[2:]] == [["1"]]


@pytest.mark.parametrize("point", ["refresh.leased", "refresh.asked", "refresh.written"])
def test_whoever_dies_leaves_it_to_be_asked_again_when_the_lease_is_over(
    services: Services, clock: SetClock, target: Target, point: str
) -> None:
    target.said = text("20261219")
    _, calendar = heeding(services, target)
    arm({point: "raise"})
    with pytest.raises(Injected):
        go(services)
    arm({})
    if point != "refresh.leased":
        assert go(services) == Refreshed()
        clock.forward(LEASE.total_seconds())
    assert go(services) == Refreshed(asked=1, replanned=1)
    assert the_calendar(services, calendar).feed == target.said


def test_an_edit_meanwhile_wins(services: Services, clock: SetClock, target: Target) -> None:
    target.said = text("20261219")
    _, calendar = heeding(services, target)
    owner = UserId(the_calendar(services, calendar).user_id)
    answer = refreshing._answer

    def slowly(*arguments: Any) -> Any:
        change_calendar(services, owner, calendar, Draft({"dates": ["2026-12-24"]}))
        return answer(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(refreshing, "_answer", slowly)
        assert go(services) == Refreshed(asked=1)
    kept = the_calendar(services, calendar)
    assert (kept.definition["dates"], kept.fetched_at) == (["2026-12-24"], NOW - timedelta(days=1))
    clock.forward(LEASE.total_seconds())
    assert go(services) == Refreshed(asked=1, replanned=1)
    both = json.dumps(the_calendar(services, calendar).exclusions)
    assert all(str(int(datetime(2026, 12, day, tzinfo=UTC).timestamp())) in both for day in (19, 24))


def test_whoever_is_to_stop_writes_no_more(services: Services, target: Target) -> None:
    target.said = text("20261219")
    calendar = new_feed(services, new_user(services), f"{target.url}/feed")
    now = services.clock.now()
    assert refresh(services, now, now, lambda: False) == Refreshed(asked=1)
    assert the_calendar(services, calendar).fetched_at < now


def test_virtual_time_asks_nobody_more_often(services: Services, clock: SetClock, target: Target) -> None:
    """A day of a fast clock passes in seconds; whoever is asked lives in real time."""
    target.said = text("20261219")
    clock.real = NOW
    calendar = new_feed(services, new_user(services), f"{target.url}/feed")
    go(services)
    clock.instant += timedelta(days=400)
    assert go(services) == Refreshed()
    shown = get_calendar(services, UserId(the_calendar(services, calendar).user_id), calendar)
    assert shown.fetched_at == NOW
