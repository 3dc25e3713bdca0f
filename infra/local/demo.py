"""Something to see at the first start: a user whose schedules call the echo target, by two jobs.

Everything is made over HTTP through the front door, as a user would make it.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from infra.local.home import Home, LocalCloudError

USERNAME = "demo"
BASE = "/api/cronny/v1"
FINISHED = "demo-finished"
OFTEN = {
    "name": "demo, every 10 s",
    "schedule_type": "recurring",
    "schedule_value": "10",
    "schedule_unit": "second",
}


class Demo:
    """The demo user's view of the API at `url`; raises LocalCloudError when the API refuses something."""

    def __init__(self, home: Home, url: str, echo: str, schedules: Sequence[Mapping[str, Any]] = (OFTEN,)) -> None:
        self._home = home
        self._url = url + BASE
        self._echo = echo
        self._schedules = schedules
        self._token = ""

    @property
    def password(self) -> str:
        """Generated once, kept in CRONNY_HOME."""
        return self._home.secret("demo-password")

    def prepare(self, database_is_empty: bool) -> bool:
        """Makes what is missing, and answers whether there is a demo user.

        What a person changed or deleted later stays so; only the echo target's address is kept right.
        """
        marker = self._home.path / FINISHED
        if database_is_empty:
            marker.unlink(missing_ok=True)
            account = {"username": USERNAME, "email": "demo@example.com", "password": self.password}
            self._token = self._call("POST", "/auth/register", account)["token"]
        elif not self._login():
            return False
        if not marker.exists():
            self._create()
        elif marker.read_text() != self._echo:
            self._retarget()
        marker.write_text(self._echo)
        return True

    def _login(self) -> bool:
        try:
            answer = self._call("POST", "/auth/login", {"username": USERNAME, "password": self.password})
        except LocalCloudError:
            return False
        self._token = answer["token"]
        return True

    def _create(self) -> None:
        """Action, jobs, schedules, in this order; a start that was interrupted finds what it made before."""
        action = self._ensure("action", "actions", {"name": "demo", "description": "Two jobs, one after the other."})
        first = self._ensure("job", f"jobs?action_id={action}", {**self._first(), "action_id": action})
        second = self._ensure("job", f"jobs?action_id={action}", {**self._second(), "action_id": action})
        then = {"version": 1, "condition_rules": [{"filters": [], "job_id": second}]}
        self._call("PATCH", f"/jobs/{first}", {"condition": then})
        for schedule in self._schedules:
            self._ensure("schedule", "schedules", {**schedule, "action_id": action})

    def _retarget(self) -> None:
        for action in self._call("GET", "/actions")["actions"]:
            for job in self._call("GET", f"/jobs?action_id={action['id']}")["jobs"]:
                wanted = {"first": self._first(), "second": self._second()}.get(job["name"])
                if wanted and action["name"] == "demo":
                    self._call("PATCH", f"/jobs/{job['id']}", {"job_input_value": wanted["job_input_value"]})

    def _ensure(self, noun: str, path: str, body: Mapping[str, Any]) -> int:
        """The id of the row with this name, made if there is none."""
        plural = path.partition("?")[0]
        for row in self._call("GET", f"/{path}")[plural]:
            if row["name"] == body["name"]:
                return int(row["id"])
        return int(self._call("POST", f"/{plural}", body)[noun]["id"])

    def _first(self) -> dict[str, Any]:
        request = {"method": "GET", "url": f"{self._echo}/first?greeting=hello"}
        return _job("first", "static_input", request) | {"is_root_job": True}

    def _second(self) -> dict[str, Any]:
        heard = {"greeting": "{{ jobs.first.output.body.query.greeting }}", "due_at": "{{ trigger.due_at }}"}
        request = {"method": "POST", "url": f"{self._echo}/second", "request_body": heard}
        return _job("second", "job_input_as_template", request)

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        request = urllib.request.Request(self._url + path, method=method)  # noqa: S310
        request.add_header("Content-Type", "application/json")
        if self._token:
            request.add_header("Authorization", f"Bearer {self._token}")
        try:
            data = json.dumps(body).encode() if body is not None else None
            with urllib.request.urlopen(request, data, timeout=60) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise LocalCloudError(f"The demo's {method} {path} was refused: {error.read().decode()}") from error


def _job(name: str, input_type: str, request: Mapping[str, Any]) -> dict[str, Any]:
    timeout = {"job_timeout_in_secs": 10}
    return {"name": name, "job_type": "http", "job_input_type": input_type, "job_input_value": request, **timeout}
