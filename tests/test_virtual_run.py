"""`make run AT=... SPEED=...` as its user meets it: the whole local cloud over a clock change, in seconds."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.home import Home
from tests.cloud import Cloud, wait_for

pytestmark = pytest.mark.cloud

FIRE = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d) +\+\d+\.\d\d s +completed +(.*)$", re.MULTILINE)
HALF_PAST_TWO, HOURLY = "30 2 * * * in Europe/Berlin", "every hour in Europe/Berlin"


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """Five minutes before the clock goes forward in Berlin, with the demo."""
    cloud = Cloud(tmp_path / "home", arguments=("--at", "2027-03-28T00:55Z", "--speed", "600"), demo=True)
    try:
        cloud.start()
        yield cloud
    finally:
        cloud.stop()
        assert cloud.processes() == [], "the local cloud left processes behind"


def test_half_past_two_fires_once_at_three_when_the_clock_goes_forward(cloud: Cloud) -> None:
    fires = wait_for("four o'clock in Berlin", 90, lambda: told_by_four(cloud))
    assert [fire for fire in fires if HALF_PAST_TWO in fire] == [f"2027-03-28 03:00:00+02:00|{HALF_PAST_TWO}"]
    hours = [fire for fire in fires if HOURLY in fire]
    assert hours[:2] == [f"2027-03-28 0{hour}:00:00+02:00|{HOURLY}" for hour in (3, 4)]
    assert re.search(r"Virtual time: 2027-03-28 00:5\d:\d\d UTC, 600 times as fast", cloud.log.read_text())

    # What the functions themselves say: their time is virtual, their lateness small, a token lasts by real time.
    log_in(cloud)
    status, ready = cloud.request("GET", "/health/ready")
    assert (status, ready["heartbeat_age_seconds"]["creator"] < 30) == (200, True)
    (schedule,) = [each for each in cloud.call("GET", "/schedules")["schedules"] if each["name"] == HALF_PAST_TWO]
    assert schedule["next_run_at"].startswith("2027-03-29T00:30:00")
    (fired,) = cloud.triggers(schedule["id"], "completed")
    assert (fired["due_at"][:16], fired["attempt"]) == ("2027-03-28T01:00", 1)
    jobs = cloud.call("GET", f"/triggers/{fired['id']}")["trigger"]["job_executions"]
    assert [(job["job_name"], job["status"]) for job in jobs] == [("first", "completed"), ("second", "completed")]


def fires_told(cloud: Cloud) -> list[str]:
    """What the terminal shows, as due time and schedule, in the order of due times."""
    return sorted(f"{due}|{schedule}" for due, schedule in FIRE.findall(cloud.log.read_text()))


def told_by_four(cloud: Cloud) -> list[str] | None:
    """All fires, once those until four o'clock are told: executors that start at once end in any order."""
    fires = fires_told(cloud)
    awaited = {f"2027-03-28 0{hour}:00:00+02:00|{HOURLY}" for hour in (3, 4)}
    return fires if awaited < set(fires) and any(HALF_PAST_TWO in fire for fire in fires) else None


def log_in(cloud: Cloud) -> None:
    password = Home(cloud.home / "virtual").secret("demo-password")
    cloud.token = cloud.call("POST", "/auth/login", {"username": "demo", "password": password})["token"]
