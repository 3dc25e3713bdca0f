"""The whole of Cronny as its user meets it: `up`, then HTTP alone, on every real part; processes die in between."""

import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from tests.cloud import ROOT, Cloud, wait_for
from tests.targets import Target, running_target

pytestmark = pytest.mark.cloud


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A running local cloud without the demo."""
    cloud = Cloud(tmp_path_factory.mktemp("cloud") / "home")
    try:
        cloud.start()
        yield cloud
    finally:
        cloud.stop()
        assert cloud.processes() == [], "the local cloud left processes behind"


@pytest.fixture
def target() -> Iterator[Target]:
    with running_target() as target:
        yield target


def http_job(cloud: Cloud, action: int, name: str, **fields: Any) -> int:
    template = cloud.call("POST", "/job_templates", {"name": "http"})["job_template"]["id"]
    job = {"name": name, "action_id": action, "job_template_id": template, "job_input_type": "static_input"}
    return int(cloud.call("POST", "/jobs", job | fields, expect=201)["job"]["id"])


def new_action(cloud: Cloud, name: str) -> int:
    return int(cloud.call("POST", "/actions", {"name": name}, expect=201)["action"]["id"])


def new_schedule(cloud: Cloud, action: int, **fields: Any) -> int:
    given = {"name": "often", "action_id": action, "schedule_type": "recurring", "schedule_value": "2"}
    body = given | {"schedule_unit": "second"} | fields
    return int(cloud.call("POST", "/schedules", body, expect=201)["schedule"]["id"])


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
    assert [after - before for before, after in pairwise(map(due, fired))] == [timedelta(seconds=2)] * 2
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


def test_a_trigger_whose_executor_is_killed_in_the_middle_of_a_job_still_ends(cloud: Cloud, target: Target) -> None:
    cloud.register("grace")
    action = new_action(cloud, "slow")
    http_job(cloud, action, "hangs", job_timeout_in_secs=2, job_input_value={"url": f"{target.url}/hang"})
    now = datetime.now(UTC)
    instant = (now + timedelta(seconds=2)).isoformat()
    schedule = new_schedule(cloud, action, schedule_type="absolute", schedule_value=instant)
    wait_for("the job to be called", 20, lambda: target.seen)
    for pid in cloud.worker("executor"):
        os.kill(pid, signal.SIGKILL)
    trigger = wait_for("the trigger to end", 60, lambda: cloud.triggers(schedule, "failed"))[0]
    assert trigger["attempt"] == 2
    assert "no answer within 2 s" in trigger["reason"]
    assert {seen.headers["idempotency-key"] for seen in target.seen} == {target.seen[0].headers["idempotency-key"]}


@pytest.mark.parametrize("victim", ["executor", "creator", "emulator", "postgres", "everything"])
def test_nothing_is_lost_or_doubled_when_processes_are_killed(cloud: Cloud, target: Target, victim: str) -> None:
    """Many schedules of the same second; something dies while they run; each ends completed and was decided once."""
    cloud.register(f"kill-{victim}")
    action = new_action(cloud, "count")
    http_job(cloud, action, "count", job_timeout_in_secs=2, job_input_value={"url": f"{target.url}/echo"})
    instant = (datetime.now(UTC) + timedelta(seconds=4)).replace(microsecond=0).isoformat()
    schedules = [
        new_schedule(cloud, action, name=f"n{number}", schedule_type="absolute", schedule_value=instant)
        for number in range(40)
    ]
    threading.Thread(target=kill, args=(cloud, victim, target)).start()
    wait_for("every schedule to be processed", 90, lambda: all_processed(cloud))
    for schedule in schedules[::8]:
        (trigger,) = cloud.triggers(schedule)
        assert trigger["status"] == "completed"
    totals = cloud.call("GET", "/dashboard/stats")["stats"]["totals"]
    assert totals["triggers"] == len(schedules)
    called = [seen.headers["x-cronny-trigger"] for seen in target.seen]
    assert len(set(called)) == len(schedules)
    assert cloud.violations() == []


def kill(cloud: Cloud, victim: str, target: Target) -> None:
    wait_for("the first call", 60, lambda: target.seen)
    if victim == "everything":
        cloud.kill_everything()
        cloud.start()
        return
    pids = {
        "executor": lambda: cloud.worker("executor"),
        "creator": lambda: cloud.worker("creator"),
        "emulator": lambda: cloud.processes("-m ministack"),
        "postgres": lambda: cloud.processes("postgres", "-D"),
    }[victim]()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def all_processed(cloud: Cloud) -> bool:
    try:
        status, answer = cloud.request("GET", "/api/cronny/v1/dashboard/stats")
    except (OSError, ValueError):
        return False
    return status == 200 and answer["stats"]["schedule_statuses"].get("processed") == 40


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
