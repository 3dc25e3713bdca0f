"""The local cloud as its user has it: started by its command, used over HTTP, killed as machines kill."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from infra.local.ports import free_port
from shared.settings import Settings
from shared.store.engine import connect
from shared.store.invariants import Violation, violations

T = TypeVar("T")

ROOT = Path(__file__).parent.parent
BASE = "/api/cronny/v1"


def wait_for(what: str, seconds: float, look: Callable[[], T | None]) -> T:
    """The first thing that ``look`` finds; fails by name when it finds nothing in that time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds:.0f} s in vain for {what}")


@dataclass
class Cloud:
    """One local cloud in a folder of its own; ``kill`` and ``start`` again as often as you like."""

    home: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    token: str = ""
    arguments: tuple[str, ...] = ()
    demo: bool = False
    # Tests and benchmarks ask more often than people do.
    rate_limits: str = "off"

    def start(self, seconds: float = 120) -> None:
        """Start it and wait until it answers."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DB_", "CRONNY_", "AWS_"))}
        environment = kept | {"CRONNY_HOME": str(self.home), "PORT": str(self.port), "DEMO": str(int(self.demo))}
        environment |= {"CRONNY_RATE_LIMITS": self.rate_limits}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "infra.local", "up", *self.arguments],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_for("the front door", seconds, self._answers)

    @property
    def log(self) -> Path:
        """What it printed, over all starts."""
        return self.home.parent / f"{self.home.name}.log"

    def stop(self) -> int:
        """Ask it to stop and wait; answers its exit code."""
        if self.process is None:
            return 0
        self.process.terminate()
        try:
            return self.process.wait(60)
        finally:
            self.process = None

    def kill_everything(self) -> None:
        """SIGKILL to every process that has this cloud's folder in its command line, all at once."""
        if self.process:
            self.process.kill()
        for pid in self.processes(str(self.home)):
            os.kill(pid, signal.SIGKILL)
        if self.process:
            self.process.wait(10)
        self.process = None

    def processes(self, *words: str) -> list[int]:
        """Processes of this cloud whose command line has all these words."""
        listed = subprocess.run(["ps", "-axww", "-o", "pid=,command="], capture_output=True, text=True, check=True)
        lines = [line.split(None, 1) for line in listed.stdout.splitlines()]
        return [int(pid) for pid, command in lines if all(word in command for word in (str(self.home), *words))]

    def memory(self) -> dict[int, int]:
        """{pid: KiB} of each of its processes; PostgreSQL's share theirs, and are left out."""
        listed = subprocess.run(["ps", "-axww", "-o", "pid=,rss=,command="], capture_output=True, text=True, check=True)
        lines = [line.split(None, 2) for line in listed.stdout.splitlines()]
        ours = [line for line in lines if str(self.home) in line[2] and "postgres" not in line[2].split()[0]]
        return {int(pid): int(kib) for pid, kib, _ in ours}

    def worker(self, function: str) -> list[int]:
        """The emulator's worker processes of a function."""
        return self.processes(f"-{function}-", "_worker.py")

    def instances(self, function: str) -> int:
        """How many of a function have given a sign of life lately."""
        return int(self.request("GET", "/health/ready")[1]["instances"].get(function, 0))

    def call(self, method: str, path: str, body: Any = None, expect: int = 200) -> Any:
        """An API call as the user; the answer's JSON. Any other status is a failure that shows the answer."""
        status, answer = self.request(method, BASE + path, body)
        assert status == expect, f"{method} {path} answered {status}, not {expect}: {answer}"
        return answer

    def request(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Any HTTP call: status and JSON."""
        headers = {"Content-Type": "application/json"} | (
            {"Authorization": f"Bearer {self.token}"} if self.token else {}
        )
        data = None if body is None else json.dumps(body).encode()
        url = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(url, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def register(self, name: str) -> None:
        """A new user, who makes all calls from now on."""
        person = {"username": name, "email": f"{name}@example.org", "password": "a long enough password"}
        self.token = ""
        self.token = self.call("POST", "/auth/register", person, expect=201)["token"]

    def triggers(self, schedule: int, status: str = "") -> list[Any]:
        """The newest triggers of a schedule, oldest first."""
        where = f"?schedule_id={schedule}&limit=200" + (f"&status={status}" if status else "")
        return sorted(self.call("GET", f"/triggers{where}")["triggers"], key=lambda trigger: trigger["due_at"])

    def violations(self) -> list[Violation]:
        """Invariants that do not hold in its database."""
        variables = json.loads((self.home / "session.json").read_text())["settings"]
        database = connect(Settings.load(variables))
        try:
            now = database.now()
            with database.begin() as connection:
                return violations(connection, now, patience=60)
        finally:
            database.close()

    def _answers(self) -> bool:
        if self.process and self.process.poll() is not None:
            raise AssertionError(f"the local cloud ended by itself:\n{self.log.read_text()[-3000:]}")
        try:
            return self.request("GET", "/health")[0] == 200
        except (OSError, ValueError):
            return False


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
