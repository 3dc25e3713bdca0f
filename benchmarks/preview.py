"""How long does a preview of 1,000 due times take at the API's handler?

    python -m benchmarks.preview [--count 1000] [--json]

Calls the handler in this process, on a PostgreSQL server of its own, as a signed-in user: reading the token,
validation, SQL and JSON are all in. Each row is asked in five zones, so nothing that was found for one is of use to the
next. Prints for each row the median and the largest of the five, in milliseconds of wall-clock time and, in brackets,
of this process's CPU, which is what counts on a machine that has other things to do.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from infra.local.postgres import EmbeddedPostgres
from infra.migrations.run import upgrade
from shared import wiring
from tests.chalicelib.client import Client

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca")
FROM = "2026-11-24T06:30:00Z"
EXPRESSIONS = (
    "* * * * *",
    "*/5 * * * *",
    "*/15 9-17 * * 1-5",
    "30 2 * * *",
    "0 0 * * *",
    "H H * * *",
    "H/15 * * * *",
    "0 9 * * mon#1",
    "0 0 L * *",
    "0 0 LW * *",
    "0 0 15W * *",
    "0 0 1 1 *",
    "0 22-2 * * fri-mon",
    "@hourly",
    "@every 90s",
    "* * * * * *",
    "*/10 * * * * *",
    "59 59 23 31 12 *",
    "0 0 0 1 1 * 2030-2099",
    # Made to be slow: days that come every few years, or never.
    "0 0 29 2 *",
    "0 0 29 2 1#5",
    "0 0 29 2 +1",
    "0 0 31 */2 +1#5",
    "0 0 * * 1#5",
    "0 0 31 2 *",
    "0 0 30 2 +1#5",
    "0 0 L-30 4,6,9,11 *",
)
CRON = {"schedule_type": "recurring", "schedule_unit": "cron"}
CLOSED = {
    "name": "Closed",
    "timezone": "Europe/Berlin",
    "dates": [f"{year}-{day}" for year in range(2026, 2036) for day in ("01-01", "05-01", "12-25", "12-26")],
    "weekly": [{"days": ["sat", "sun"]}],
}


def main() -> None:
    """Parse the command line, run, report."""
    parser = argparse.ArgumentParser("python -m benchmarks.preview", description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        client = signed_in(Path(folder), stack)
        rows = {name: measured(client, body, options.count) for name, body in bodies(client).items()}
    if options.json:
        print(json.dumps(rows))
        return
    print(f"{'':38} {'times':>5}   median            max")
    for name, row in rows.items():
        figures = f"{row['median']:8.1f} ({row['cpu']:5.1f}) {row['max']:8.1f} ({row['max_cpu']:5.1f})"
        print(f"{name:38} {row['times']:5.0f} {figures}")


def signed_in(home: Path, stack: ExitStack) -> Client:
    """A user of the real application on a database of its own."""
    postgres = EmbeddedPostgres(home)
    os.environ.update(postgres.start())
    stack.callback(postgres.destroy)
    os.environ.update({"CRONNY_QUEUE_URL": "http://127.0.0.1:1/queue", "POWERTOOLS_LOG_LEVEL": "ERROR"})
    os.environ["CRONNY_RATE_LIMITS"] = "off"
    services = wiring.services()
    stack.callback(services.database.close)
    upgrade(services.database)
    from app import app  # reads the environment

    nobody = Client(app)
    body = {"username": "ada", "email": "ada@example.org", "password": "correct horse battery"}
    return nobody.bearing(nobody.post("auth/register", body).json["token"])


def bodies(client: Client) -> dict[str, dict[str, Any]]:
    """What is asked, by name."""
    calendar = client.post("calendars", CLOSED).json["calendar"]["id"]
    action = client.post("actions", {"name": "bench"}).json["action"]["id"]
    stored = client.post("schedules", {**CRON, "name": "s", "action_id": action, "schedule_value": "* * * * *"})
    daily = {**CRON, "schedule_value": "30 2 * * *"}
    dense = {**CRON, "schedule_value": "*/10 * * * * *"}
    rest = {
        "every second": {"schedule_type": "recurring", "schedule_value": 1, "schedule_unit": "second"},
        "30 2 * * * with jitter": {**daily, "jitter_seconds": 3600},
        "30 2 * * * with a calendar": {**daily, "calendar_ids": [calendar]},
        "30 2 * * * with shift": {**daily, "calendar_ids": [calendar], "shift": "next"},
        "30 2 * * * with all three": {**daily, "calendar_ids": [calendar], "shift": "previous", "jitter_seconds": 3600},
        "every 10 s with jitter": {**dense, "jitter_seconds": 600},
        "every 10 s with a calendar": {**dense, "calendar_ids": [calendar]},
        "every 10 s with shift": {**dense, "calendar_ids": [calendar], "shift": "next"},
        "an edit of every minute, with its diff": {
            "schedule_id": stored.json["schedule"]["id"],
            "schedule_value": "*/10 * * * * *",
        },
    }
    return {value: {**CRON, "schedule_value": value} for value in EXPRESSIONS} | rest


def measured(client: Client, body: dict[str, Any], count: int) -> dict[str, float]:
    """Milliseconds of five calls, and how many times were shown."""
    real, cpu, shown = [], [], 0
    for zone in ZONES:
        asked = {**body, "timezone": zone, "count": count, "from": FROM}
        began = time.perf_counter(), time.process_time()
        answer = client.post("schedules/preview", asked)
        real.append((time.perf_counter() - began[0]) * 1000)
        cpu.append((time.process_time() - began[1]) * 1000)
        assert answer.status in (200, 422), answer.text
        shown = len(answer.json["preview"]["times"]) if answer.status == 200 else 0
    found = {"median": statistics.median(real), "max": max(real), "cpu": statistics.median(cpu), "max_cpu": max(cpu)}
    return {"times": shown, **found}


if __name__ == "__main__":
    main()
