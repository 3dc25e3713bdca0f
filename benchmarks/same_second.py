"""How late do schedules start that are all due in the same second?

    python -m benchmarks.same_second [--schedules 500] [--runs 3] [--job logger|http]

Starts a local cloud of its own, makes the schedules over HTTP, waits until they have run, and reads the lateness of
each start (`started_at - due_at`, both by the database's clock) from the API. Prints one line per run and the medians,
as text and, with --json, as JSON.
"""

import argparse
import json
import statistics
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.cloud import Cloud, wait_for
from tests.targets import running_target

LEAD = timedelta(seconds=5)


def main() -> None:
    """Parse the command line, run, report."""
    parser = argparse.ArgumentParser("python -m benchmarks.same_second", description=__doc__)
    parser.add_argument("--schedules", type=int, default=500)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--job", choices=("logger", "http"), default="logger")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        target = stack.enter_context(running_target())
        cloud = Cloud(Path(folder) / "home")
        cloud.start()
        stack.callback(cloud.stop)
        job = {"http": {"url": f"{target.url}/echo"}, "logger": {"message": "tick"}}[options.job]
        runs = [one_run(cloud, number, options.job, job, options.schedules) for number in range(options.runs)]
    medians = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    if options.json:
        print(json.dumps({"schedules": options.schedules, "job": options.job, "runs": runs, "medians": medians}))
    else:
        for run in [*runs, medians]:
            print("  ".join(f"{key} {value:7.3f} s" for key, value in run.items()))
        print("(the last line is the median of the runs; all started:", len(runs) * options.schedules, "of them)")


def one_run(cloud: Cloud, number: int, kind: str, job_input: Any, schedules: int) -> dict[str, float]:
    """Seconds from the due time to the start: p50, p99, max, and the earliest, which must not be negative."""
    cloud.register(f"bench{number}")
    # The smaller plans bound how many of a user's triggers are on the way at once.
    cloud.call("PUT", "/user/plan", {"plan": "enterprise"})
    action = cloud.call("POST", "/actions", {"name": "bench"}, expect=201)["action"]["id"]
    job = {"name": "tick", "action_id": action, "job_type": kind, "job_input_value": job_input}
    cloud.call("POST", "/jobs", job | {"job_input_type": "static_input"}, expect=201)
    # Each creation takes some 15 ms: the due time lies safely behind the last of them.
    instant = (datetime.now(UTC) + LEAD + timedelta(seconds=schedules * 0.03)).replace(microsecond=0)
    body = {"action_id": action, "schedule_type": "absolute", "schedule_value": instant.isoformat()}
    for position in range(schedules):
        cloud.call("POST", "/schedules", body | {"name": f"s{position}"}, expect=201)
    assert datetime.now(UTC) < instant, "the schedules were not made in time; raise LEAD"
    wait_for("all schedules to run", 120, lambda: processed(cloud) == schedules)
    late = sorted(lateness(cloud))
    assert len(late) == schedules
    return {"min": late[0], "p50": late[len(late) // 2], "p99": late[int(len(late) * 0.99)], "max": late[-1]}


def processed(cloud: Cloud) -> int:
    """How many of the user's schedules are done."""
    return int(cloud.call("GET", "/dashboard/stats")["stats"]["schedule_statuses"].get("processed", 0))


def lateness(cloud: Cloud) -> list[float]:
    """Seconds of every trigger of the user between due and started."""
    found: list[float] = []
    cursor = ""
    while cursor is not None:
        page = cloud.call("GET", f"/triggers?limit=200{cursor and '&cursor=' + cursor}")
        for trigger in page["triggers"]:
            started = datetime.fromisoformat(trigger["started_at"])
            found.append((started - datetime.fromisoformat(trigger["due_at"])).total_seconds())
        cursor = page["next_cursor"]
    return found


if __name__ == "__main__":
    main()
