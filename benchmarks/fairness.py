"""How late do one user's schedules start while another one floods, and keeps ten targets hanging?

    python -m benchmarks.fairness [--flood 10000] [--seconds 30] [--hang 20]

Starts a local cloud of its own. User A (enterprise) has ten schedules whose target hangs for ``--hang`` seconds and, a
few seconds later, a flood of triggers due in the same second. User B (starter) has a schedule that fires each second
from before the flood until ``--seconds`` after it. Reads B's lateness (`started_at - due_at`, by the database's clock)
and the pace at which A's flood drains. A's schedules are written into the database by one statement, as creating ten
thousand of them over HTTP would take minutes; everything else goes over HTTP.
"""

import argparse
import json
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.same_second import lateness
from shared.settings import Settings
from shared.store.engine import Database, connect
from tests.cloud import Cloud, wait_for
from tests.targets import Target, running_target

LEAD = timedelta(seconds=8)
SCHEDULES = """
INSERT INTO schedules (user_id, action_id, name, schedule_type, schedule_value, schedule_unit, anchor, starts_at)
SELECT user_id, id, 'flood ' || n, 'recurring', '1', 'day', '{at}', '{at}'
FROM actions, generate_series(1, {n}) AS n WHERE id = {action}
"""
PROGRESS = """
SELECT count(*) FILTER (WHERE t.finished_at IS NOT NULL), min(t.started_at), max(t.finished_at),
    count(DISTINCT t.pack) FILTER (WHERE t.status IN ('queued', 'executing'))
FROM triggers t WHERE t.action_id = {action} AND t.due_at = '{at}'
"""
ON_THE_WAY = """
SELECT count(DISTINCT pack) FROM triggers WHERE status IN ('queued', 'executing')
    AND user_id = (SELECT user_id FROM actions WHERE id = {action})
"""


def main() -> None:
    """Parse the command line, run, report."""
    parser = argparse.ArgumentParser("python -m benchmarks.fairness", description=__doc__)
    parser.add_argument("--flood", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--hang", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        target = stack.enter_context(running_target())
        stack.callback(target.release.set)
        cloud = Cloud(Path(folder) / "home")
        cloud.start()
        stack.callback(cloud.stop)
        database = connect(Settings.load(json.loads((cloud.home / "session.json").read_text())["settings"]))
        stack.callback(database.close)
        found = measure(cloud, database, target, options.flood, options.seconds, options.hang)
        found["violations"] = len(cloud.violations())
    print(json.dumps(found) if options.json else "\n".join(f"{key:32} {value:9.3f}" for key, value in found.items()))


def measure(cloud: Cloud, database: Database, target: Target, flood: int, seconds: int, hang: int) -> dict[str, float]:
    """B's lateness in seconds, and how A's flood went: most messages on the way, triggers per second."""
    cloud.register("ada")
    cloud.call("PUT", "/user/plan", {"plan": "enterprise"})
    hanging = action(cloud, "hang", "http", {"url": f"{target.url}/hang"}, job_timeout_in_secs=hang)
    quick = action(cloud, "quick", "logger", {"message": "tick"})
    first = (datetime.now(UTC) + LEAD).replace(microsecond=0)
    for number in range(10):
        schedule(cloud, f"hang {number}", hanging, value=hang, unit="second", starts_at=first.isoformat())
    cloud.register("bob")
    small = action(cloud, "small", "logger", {"message": "tock"})
    mine = schedule(cloud, "each second", small, value=1, unit="second", starts_at=first.isoformat())
    at = first + timedelta(seconds=5)
    execute(database, SCHEDULES.format(action=quick, n=flood, at=at.isoformat()))
    assert datetime.now(UTC) < at, "the flood was not made in time; raise LEAD"
    most, done = watch(database, quick, at, flood, seconds)
    cloud.call("POST", f"/schedules/{mine}/pause", {})
    wait_for("B's runs to end", 60, lambda: not unfinished(cloud, mine))
    late = sorted(lateness(cloud))
    return {
        "B fires": len(late),
        "B p50 s": late[len(late) // 2],
        "B p99 s": late[int(len(late) * 0.99)],
        "B max s": late[-1],
        "A messages on the way, at most": most,
        "A flood drained": done[0],
        "A flood triggers per second": done[0] / max((done[2] - done[1]).total_seconds(), 0.001),
        "A flood drained after s": (done[2] - at).total_seconds(),
    }


def watch(database: Database, quick: int, at: datetime, flood: int, seconds: int) -> tuple[int, Any]:
    """Look every 50 ms until the flood has drained and the time is over."""
    most, done = 0, (0, at, at, 0)
    until = time.monotonic() + (at - datetime.now(UTC)).total_seconds() + seconds
    while time.monotonic() < until:
        most = max(most, execute(database, ON_THE_WAY.format(action=quick))[0])
        if done[0] < flood:
            found = execute(database, PROGRESS.format(action=quick, at=at.isoformat()))
            done = found if found[0] else done
        time.sleep(0.05)
    return most, done


def execute(database: Database, statement: str) -> Any:
    """The first row of a statement, or None."""
    with database.begin() as connection:
        found = connection.exec_driver_sql(statement)
        return found.one() if found.returns_rows else None


def action(cloud: Cloud, name: str, kind: str, given: Any, **fields: Any) -> int:
    """An action of one job."""
    action_id = int(cloud.call("POST", "/actions", {"name": name}, expect=201)["action"]["id"])
    job = {"name": "call", "action_id": action_id, "job_type": kind, "job_input_value": given, **fields}
    cloud.call("POST", "/jobs", job, expect=201)
    return action_id


def schedule(cloud: Cloud, name: str, action_id: int, value: int, unit: str, starts_at: str) -> int:
    """A fixed rate from that instant on."""
    body = {"name": name, "action_id": action_id, "schedule_type": "recurring", "starts_at": starts_at}
    body |= {"schedule_value": value, "schedule_unit": unit}
    return int(cloud.call("POST", "/schedules", body, expect=201)["schedule"]["id"])


def unfinished(cloud: Cloud, schedule_id: int) -> list[Any]:
    """What of a paused schedule has not ended."""
    return [trigger for trigger in cloud.triggers(schedule_id) if trigger["status"] in ("queued", "executing")]


if __name__ == "__main__":
    main()
