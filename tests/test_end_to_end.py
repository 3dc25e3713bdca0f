"""The whole of Cronny as its user meets it: `up`, then HTTP alone, on every real part."""

import re
import subprocess
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from tests.cloud import ROOT, Cloud, http_job, new_action, new_schedule, wait_for
from tests.targets import Target

pytestmark = pytest.mark.cloud


def due(trigger: Any) -> datetime:
    return datetime.fromisoformat(trigger["due_at"])


def test_a_schedule_fires_pauses_and_resumes_at_a_single_rate(cloud: Cloud, target: Target) -> None:
    cloud.register("pauses")
    action = new_action(cloud, "greet")
    second = http_job(
        cloud,
        action,
        "second",
        is_root_job=False,
        job_input_type="job_input_as_template",
        job_input_value={
            "url": f"{target.url}/echo",
            "method": "POST",
            "request_body": "{{ jobs.first.output.body.path }}",
        },
    )
    rule = {"filters": [{"name": "status", "comparison_type": "equality", "value": 200}], "job_id": second}
    http_job(
        cloud,
        action,
        "first",
        is_root_job=True,
        job_input_value={"url": f"{target.url}/echo/first"},
        condition={"version": 1, "condition_rules": [rule]},
    )
    schedule = new_schedule(cloud, action)

    fired = wait_for("three fires", 30, lambda: three_completed(cloud, schedule))
    # Also of those that are still on their way to an executor that has just been started.
    apart = [after - before for before, after in pairwise(map(due, cloud.triggers(schedule)))]
    assert apart == [timedelta(seconds=2)] * len(apart)
    for trigger in fired:
        runs = cloud.call("GET", f"/triggers/{trigger['id']}")["trigger"]["job_executions"]
        assert [(run["job_name"], run["status"]) for run in runs] == [("first", "completed"), ("second", "completed")]
        assert runs[1]["input"]["request_body"] == "/echo/first"
        assert datetime.fromisoformat(trigger["started_at"]) >= due(trigger)

    cloud.call("POST", f"/schedules/{schedule}/pause", {})
    wait_for("what runs to end", 20, lambda: not unfinished(cloud, schedule))
    paused_at, calls = len(cloud.triggers(schedule)), len(target.seen)
    # Two would-be due times pass; the creator's own heartbeat says that it went on ticking meanwhile.
    ticking(cloud, seconds=5)
    assert (len(cloud.triggers(schedule)), len(target.seen)) == (paused_at, calls)

    resumed_at = datetime.now(UTC)
    cloud.call("POST", f"/schedules/{schedule}/resume", {})
    cloud.call("POST", f"/schedules/{schedule}/resume", {})
    again = wait_for(
        "three fires after resuming",
        30,
        lambda: (new := [t for t in cloud.triggers(schedule, "completed") if due(t) > resumed_at])[2:] and new,
    )
    assert [after - before for before, after in pairwise(map(due, again))] == [timedelta(seconds=2)] * (len(again) - 1)
    cloud.call("DELETE", f"/schedules/{schedule}")
    keys = [seen.headers["idempotency-key"] for seen in target.seen]
    assert len(keys) == len(set(keys)), "a job was sent twice"
    assert cloud.violations() == []


def three_completed(cloud: Cloud, schedule: int) -> list[Any] | None:
    completed = cloud.triggers(schedule, "completed")
    return completed[:3] if len(completed) >= 3 else None


def unfinished(cloud: Cloud, schedule: int) -> list[Any]:
    return [t for t in cloud.triggers(schedule) if t["status"] in ("scheduled", "queued", "executing")]


def ticking(cloud: Cloud, seconds: float) -> None:
    """Wait until the creator has been seen alive for that long from now on."""
    until = datetime.now(UTC) + timedelta(seconds=seconds)

    def beaten() -> bool:
        ready = cloud.request("GET", "/health/ready")[1]
        age = timedelta(seconds=ready["heartbeat_age_seconds"]["creator"])
        return datetime.now(UTC) - age >= until

    wait_for("the creator to tick on", seconds + 30, beaten)


def test_the_tour_of_the_readme_does_what_it_says(cloud: Cloud) -> None:
    readme = (ROOT / "README.md").read_text()
    tour = readme.partition("## Five minutes with curl")[2].partition("\n## ")[0]
    script = "\n".join(re.findall(r"```sh\n(.*?)```", tour, re.DOTALL))
    said = run_script(["bash", "-euo", "pipefail", "-c", script.replace(":8009", f":{cloud.port}")])
    assert '"status":"completed"' in said.replace(" ", "")
    assert "Cronny says ok" in said
    assert "The schedule" in said
    assert {"schedule_value", "timezone", "action_id"} & set(re.findall(r'"field": ?"(\w+)"', said))


def test_a_client_of_the_old_api_works_unchanged(cloud: Cloud) -> None:
    said = run_script(["bash", "examples/old_client.sh", f"http://127.0.0.1:{cloud.port}"])
    assert "completed" in said
    again = run_script(["bash", "examples/old_client.sh", f"http://127.0.0.1:{cloud.port}"])
    assert "/auth/login -> 200" in again


def run_script(command: list[str]) -> str:
    """Run a script from the checkout's root; answers what it printed, fails with it otherwise."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_each_fire_is_printed_as_a_line(cloud: Cloud) -> None:
    said = cloud.log.read_text()
    fires = re.findall(r"^\d\d:\d\d:\d\d +\+\d+\.\d\d s  completed  often\b", said, re.MULTILINE)
    assert len(fires) >= 3, said
