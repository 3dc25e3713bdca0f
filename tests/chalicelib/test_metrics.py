"""What a monitoring system reads, and who may."""

import re
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from chalicelib.application import build
from chalicelib.stopwatch import FLUSH_EVERY_SECONDS, Stopwatch
from shared.check import check
from shared.create import create, take_over
from shared.dispatch import dispatch
from shared.execute import execute
from shared.plan import plan
from shared.runners.registry import build_runners
from shared.services import Services
from shared.settings import Environment, Settings
from shared.store import tallying
from shared.store.engine import connect
from shared.store.tables import heartbeats, tallies
from shared.store.tallying import LATENESS_BOUNDS, REQUEST_BOUNDS
from shared.trigger import TriggerId
from tests.chalicelib.client import BASE, Client
from tests.fakes import RecordedQueue, SetClock
from tests.world import count, new_breaker, new_held, new_logger_schedule, new_user, set_trigger, the_triggers

ROOT = Path(__file__).parents[2]
TOKEN = "a token that only the scraper knows"
Sample = dict[tuple[str, ...], float]


def scraped(client: Client) -> dict[str, Sample]:
    """{name: {(the labels' values, by the labels' names): value}}, read by Prometheus' own parser."""
    answer = client.get("/metrics")
    assert answer.status == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found: dict[str, Sample] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def with_settings(services: Services, **settings: object) -> Client:
    """Somebody who calls an API with other settings."""
    changed = replace(services, settings=replace(services.settings, **settings))  # type: ignore[arg-type]
    return Client(build(lambda: changed))


def test_an_empty_cronny_has_every_metric_at_zero(nobody: Client, services: Services, clock: SetClock) -> None:
    check(services, clock.now())
    found = scraped(nobody)
    assert found["cronny_schedules_pending"] == {(): 0}
    assert found["cronny_triggers_overdue"] == {(): 0}
    assert found["cronny_dead_letters"] == {(): 0}
    assert set(found["cronny_triggers"].values()) == {0}
    assert found["cronny_triggers_ended_total"] == {("completed",): 0, ("failed",): 0, ("skipped",): 0}
    assert found["cronny_lateness_seconds_count"] == {(): 0}
    assert len(found["cronny_lateness_seconds_bucket"]) == len(LATENESS_BOUNDS) + 1
    assert found["cronny_oldest_due_age_seconds"] == {(): 0}
    assert found["cronny_creator_lag_seconds"] == {(): 0}
    assert found["cronny_breakers"] == {("open",): 0, ("half_open",): 0}
    assert found["cronny_invariant_violations"] == {(f"I{number}",): 0 for number in range(1, 11)}
    assert found["cronny_invariant_check_age_seconds"] == {(): 0}
    assert "cronny_heartbeat_age_seconds" not in found
    assert found["cronny_database_connections"]["active",] >= 1
    assert found["cronny_database_max_connections"][()] > 1


def test_fires_are_seen_from_planning_to_their_end(nobody: Client, services: Services, clock: SetClock) -> None:
    clock.instant = clock.now().replace(microsecond=0)
    schedule = new_logger_schedule(services, schedule_value="3600")
    assert scraped(nobody)["cronny_schedules_pending"] == {(): 1}
    plan(services, clock.now())
    assert scraped(nobody)["cronny_triggers"]["", "scheduled"] == 1
    clock.forward(3610)
    waiting = scraped(nobody)
    assert (waiting["cronny_triggers_overdue"], waiting["cronny_oldest_due_age_seconds"]) == ({(): 1}, {(): 10})
    assert waiting["cronny_creator_lag_seconds"] == {(): 10}
    dispatch(services, clock.now())
    queued = scraped(nobody)
    assert (queued["cronny_triggers"]["", "queued"], queued["cronny_triggers"]["", "scheduled"]) == (1, 1)
    assert queued["cronny_queue_messages"] == {("queued",): 1, ("executing",): 0}
    assert (queued["cronny_triggers_overdue"], queued["cronny_oldest_due_age_seconds"]) == ({(): 0}, {(): 10})
    execute(services, [row.id for row in the_triggers(services, schedule)], lasts_until=1e12)
    done = scraped(nobody)
    assert done["cronny_triggers_ended_total"]["completed",] == 1
    assert done["cronny_lateness_seconds_sum"] == {(): pytest.approx(10, abs=1)}
    late = done["cronny_lateness_seconds_bucket"]
    assert (late["5.0",], late["30.0",], late["+Inf",]) == (0, 1, 1)
    assert done["cronny_queue_messages"] == {("queued",): 0, ("executing",): 0}


def test_what_is_held_dead_or_broken_is_counted(nobody: Client, services: Services, clock: SetClock) -> None:
    user = new_user(services)
    new_breaker(services, user, "a:443")
    new_breaker(services, user, "b:443", state="half_open")
    new_breaker(services, user, "c:443", state="closed", failures=3)
    ids = new_held(services, user, "a:443", 6)
    limited = {"hold": "limit", "held_for": "", "attempt": 0, "next_attempt_at": clock.now() - timedelta(minutes=1)}
    set_trigger(services, ids[0], **limited)
    set_trigger(services, ids[1], **limited)
    set_trigger(services, ids[2], hold="overlap", held_for=None)
    ended = {"hold": None, "held_for": None, "started_at": clock.now(), "finished_at": clock.now()}
    set_trigger(services, ids[3], status="failed", **ended)
    set_trigger(services, ids[4], status="failed", discarded_at=clock.now(), **ended)
    found = scraped(nobody)
    assert {hold: value for (hold, status), value in found["cronny_triggers"].items() if status == "scheduled"} == {
        "": 0,
        "limit": 2,
        "overlap": 1,
        "breaker": 1,
    }
    assert found["cronny_dead_letters"] == {(): 1}
    assert found["cronny_breakers"] == {("open",): 1, ("half_open",): 1}
    assert found["cronny_triggers_overdue"] == {(): 0}


def test_violations_stay_as_the_last_check_found_them(nobody: Client, services: Services, clock: SetClock) -> None:
    schedule = new_logger_schedule(services)
    plan(services, clock.now())
    dispatch(services, clock.forward(10))
    set_trigger(services, the_triggers(services, schedule)[0].id, status="completed", finished_at=clock.now())
    check(services, clock.now())
    clock.forward(30)
    found = scraped(nobody)
    assert (found["cronny_invariant_violations"]["I6",], found["cronny_invariant_violations"]["I1",]) == (1, 0)
    assert found["cronny_invariant_check_age_seconds"] == {(): 30}
    check(services, clock.forward(3600))
    assert scraped(nobody)["cronny_invariant_violations"]["I6",] == 0


def test_functions_are_seen_by_their_heartbeats_in_real_seconds(
    nobody: Client, services: Services, clock: SetClock
) -> None:
    clock.speed = 60.0
    take_over(services, clock.now())
    create(services, clock.now(), epoch=1)
    clock.forward(60 * 20)
    found = scraped(nobody)
    assert found["cronny_heartbeat_age_seconds"] == {("creator",): 20}
    assert found["cronny_instances"]["creator",] == 1


def test_beyond_the_cap_numbers_are_postgresqls_estimates(
    nobody: Client, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.store.metrics.CAP", 3)
    user = new_user(services)
    new_held(services, user, "a:443", 3)
    assert scraped(nobody)["cronny_triggers"]["breaker", "scheduled"] == 3
    with services.database.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO triggers (user_id, schedule_id, action_id, schedule_version, due_at, next_attempt_at, hold,"
            " held_for, reason) SELECT user_id, schedule_id, action_id, 1, due_at + n * interval '1 s',"
            " next_attempt_at, hold, held_for, reason FROM triggers, generate_series(1, 500) AS n"
        )
        connection.exec_driver_sql("ANALYZE triggers")
    assert scraped(nobody)["cronny_triggers"]["breaker", "scheduled"] == 3 * 501


def test_nothing_names_a_user_or_a_schedule(alice: Client, nobody: Client, services: Services) -> None:
    new_logger_schedule(services, name="a very private name")
    alice.get("schedules")
    shown = nobody.get("/metrics").text
    assert not re.search("alice|private|user_id|example", shown)


def test_the_token_opens_and_nothing_else_does(services: Services) -> None:
    closed = with_settings(services, metrics_token=TOKEN, environment=Environment.PRODUCTION)
    assert closed.bearing(TOKEN).get("/metrics").status == 200
    for wrong in (closed, closed.bearing("wrong"), closed.bearing(TOKEN + "x"), closed.bearing("ä" * 40)):
        answer = wrong.get("/metrics")
        assert (answer.status, answer.headers["www-authenticate"]) == (401, 'Bearer realm="cronny"')
    assert with_settings(services, metrics_token=TOKEN).get("/metrics").status == 401


def test_a_users_own_token_is_not_the_scrapers(alice: Client, services: Services) -> None:
    closed = with_settings(services, metrics_token=TOKEN)
    assert replace(closed, headers=alice.headers).get("/metrics").status == 401
    assert closed.bearing(TOKEN).get("schedules").status == 401


@pytest.mark.parametrize("environment", [Environment.STAGING, Environment.PRODUCTION])
def test_without_a_token_it_is_not_there_outside_development(services: Services, environment: Environment) -> None:
    unset = with_settings(services, environment=environment)
    for client in (unset, unset.bearing(""), unset.bearing("x")):
        answer = client.get("/metrics")
        assert (answer.status, answer.json["detail"]) == (404, "There is nothing at /metrics.")


def test_a_scrape_of_a_database_that_is_away_is_503(settings: Settings, queue: RecordedQueue, clock: SetClock) -> None:
    away = connect(replace(settings, db_port=1))
    gone = Services(settings, away, queue, build_runners(()), clock, "test")
    assert Client(build(lambda: gone)).get("/metrics").status == 503


def test_a_scrape_gives_up_on_a_database_that_is_too_slow(
    nobody: Client, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = text("SELECT pg_sleep(30)::text AS state, 0 AS count")
    monkeypatch.setattr("shared.store.metrics.BREAKERS", slow)
    monkeypatch.setattr("shared.manage.measures.SECONDS_EACH", 1)
    assert nobody.get("/metrics").status == 503


def test_answers_are_counted_by_route_and_status_once_they_are_written(nobody: Client, services: Services) -> None:
    nobody.get("/health/ready")
    assert count(services, heartbeats, service="api") == 0, "what answered 503 asks the database for nothing more"
    assert nobody.get("schedules").status == 401
    nobody.get("/metrics")
    nobody.get("schedules/12")
    nobody.get("nothing/at/all")
    nobody.app.stopwatch.flush()
    found = scraped(nobody)["cronny_api_request_seconds_count"]
    assert found == {
        ("GET", "/health/ready", "5xx"): 1,
        ("GET", f"{BASE}/schedules", "4xx"): 1,
        ("GET", "/metrics", "2xx"): 1,
        ("GET", f"{BASE}/schedules/{{schedule_id}}", "4xx"): 1,
    }
    assert count(services, heartbeats, service="api", instance="test", endpoint=BASE) == 1


def test_answers_are_written_every_few_seconds_and_never_while_the_database_is_away(
    services: Services, settings: Settings, queue: RecordedQueue, clock: SetClock
) -> None:
    times = [0.0]
    stopwatch = Stopwatch(lambda: times[0])
    gone = Services(settings, connect(replace(settings, db_port=1)), queue, build_runners(()), clock, "test")

    def answered() -> dict[int, tuple[int, float]]:
        with services.database.begin() as connection:
            return {each.bucket: (each.count, each.total) for each in tallying.read(connection)}

    stopwatch.note("GET", "/x", 200, 0.005)
    stopwatch.flush_when_due(services)
    assert answered() == {0: (1, 0.005)}
    stopwatch.note("GET", "/x", 201, 0.006)
    stopwatch.flush_when_due(services)
    assert answered() == {0: (1, 0.005)}
    times[0] += FLUSH_EVERY_SECONDS
    stopwatch.flush_when_due(gone)
    stopwatch.note("GET", "/x", 200, 99)
    stopwatch.flush_when_due(services)
    times[0] += FLUSH_EVERY_SECONDS
    stopwatch.flush_when_due(services)
    assert answered() == {0: (1, 0.005), 1: (1, 0.006), len(REQUEST_BOUNDS): (1, 99)}
    stopwatch.flush()
    assert count(services, tallies) == 3


def test_only_a_scrape_loads_the_library() -> None:
    """A fresh process: prometheus_client costs every cold start a tenth of a second."""
    code = "import sys, functions.api; print('prometheus_client' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_trigger_ids_are_no_labels(nobody: Client, services: Services, clock: SetClock) -> None:
    """However many schedules there are, the text stays as long as it is."""
    before = len(nobody.get("/metrics").text.splitlines())
    for _ in range(3):
        new_logger_schedule(services)
    plan(services, clock.now())
    execute(services, [TriggerId(1)], lasts_until=1e12)
    nobody.app.stopwatch.flush()
    assert len(nobody.get("/metrics").text.splitlines()) <= before + 2 * (len(REQUEST_BOUNDS) + 3)
