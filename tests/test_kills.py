"""Processes of the whole local cloud are killed as machines kill them: nothing is lost, nothing is decided twice."""

import os
import signal
import threading
from datetime import UTC, datetime, timedelta

import pytest

from tests.cloud import Cloud, http_job, new_action, new_schedule, wait_for
from tests.targets import Target

pytestmark = pytest.mark.cloud


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
    trigger = wait_for("the trigger to end", 120, lambda: cloud.triggers(schedule, "failed"))[0]
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
    wait_for("every schedule to be processed", 180, lambda: all_processed(cloud))
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
