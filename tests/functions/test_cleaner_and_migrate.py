"""The two functions that take no input: what they answer, and that calling them again is harmless."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from functions import cleaner, migrate
from shared import wiring
from shared.dispatch import dispatch
from shared.plan import plan
from shared.queue import DeadMessage
from shared.runners.feeds import FETCH_SECONDS
from shared.services import Services
from shared.store.invariants import checked_until
from shared.store.tables import dead_messages, heartbeats
from tests.fakes import DeadQueue, SetClock
from tests.functions.lambda_context import Context
from tests.targets import Target
from tests.world import count, new_feed, new_logger_schedule, new_user, set_schedule

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _wired(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "services", lambda: services)


NOTHING = {
    "refreshed": 0,
    "not_refreshed": 0,
    "executions": 0,
    "compacted": 0,
    "expired": 0,
    "dead_messages": 0,
    "violations": 0,
}


def test_the_cleaner_says_what_it_removed_and_that_it_lives(services: Services) -> None:
    assert cleaner.handler({}, Context()) == NOTHING
    assert count(services, heartbeats, service="cleaner") == 1


def test_a_violation_is_counted_in_a_metric_that_names_nobody(
    services: Services, clock: SetClock, capsys: pytest.CaptureFixture[str]
) -> None:
    cleaner.handler({}, Context())
    schedule = new_logger_schedule(services)
    plan(services, clock.now())
    dispatch(services, clock.forward(11))
    set_schedule(services, schedule, version=7)
    assert cleaner.handler({}, Context())["violations"] == 2
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith('{"_aws"')]
    assert [line["cronny_invariant_violations"] for line in lines] == [[0.0], [2.0]]
    assert [line["cronny_dead_messages"] for line in lines] == [[0.0], [0.0]]
    for line in lines:
        (metric,) = line["_aws"]["CloudWatchMetrics"]
        assert (metric["Namespace"], metric["Dimensions"]) == ("Cronny", [["service"]])
        assert line["service"] == "cleaner"


def test_a_dead_letter_queue_that_is_away_stops_nothing_else(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "services", lambda: replace(services, dead_letters=DeadQueue(away=True)))
    assert cleaner.handler({}, Context()) == NOTHING


def test_the_dead_letter_queue_is_drained_batch_by_batch(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = DeadQueue([DeadMessage(str(number), "?", 6) for number in range(25)])
    monkeypatch.setattr(wiring, "services", lambda: replace(services, dead_letters=queue))
    assert cleaner.handler({}, Context())["dead_messages"] == 25
    assert queue.messages == []
    assert count(services, dead_messages) == 25


def test_a_cleaner_without_time_leaves_everything_to_the_next_one(services: Services, clock: SetClock) -> None:
    assert cleaner.handler({}, Context(seconds=cleaner.KEPT_BACK_SECONDS)) == NOTHING
    with services.database.begin() as connection:
        assert checked_until(connection) < clock.now()


def test_the_cleaner_asks_the_urls_of_calendars_if_it_has_time_for_the_slowest(
    services: Services, target: Target
) -> None:
    target.said = "BEGIN:VCALENDAR\nEND:VCALENDAR"
    user = new_user(services)
    new_feed(services, user, f"{target.url}/feed", name="good")
    new_feed(services, user, f"{target.url}/status/404", name="bad")
    assert cleaner.handler({}, Context(seconds=cleaner.KEPT_BACK_SECONDS + FETCH_SECONDS)) == NOTHING
    assert target.seen == []
    assert cleaner.handler({}, Context()) == {**NOTHING, "refreshed": 2, "not_refreshed": 1}
    assert cleaner.handler({}, Context()) == NOTHING
    assert len(target.seen) == 2


def test_only_the_cleaner_loads_what_writes_metrics() -> None:
    """A fresh process: creator and executor start without it."""
    code = "import sys, functions.creator, functions.executor, functions.api; print('functions.metrics' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_migrating_again_changes_nothing(services: Services) -> None:
    assert migrate.handler({}, Context()) == migrate.handler({}, Context()) == {"revision": "0012"}
    assert count(services, heartbeats, service="migrate", instance="test") == 1
