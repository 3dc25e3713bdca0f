"""What becomes of everybody else while strangers hammer the API?

    python -m benchmarks.strangers [--clients 200] [--seconds 60] [--limits on|off]

Starts a local cloud of its own with a schedule that fires each second. So many clients then send what strangers send,
each as fast as it is answered: guessed logins, broken JSON, bodies of megabytes, reads with a good token and with bad
ones. Reads the answers' statuses and times, the lateness of the schedule (`started_at - due_at`, by the database's
clock), and the memory of every process of the cloud, from when each client has been answered a few times until the
end. With the limits on nearly everything is refused, as it would be in life: all clients have one address. With
``--limits off`` everything is worked on.
"""

import argparse
import http.client
import json
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from benchmarks.fairness import LEAD, action, schedule, unfinished
from benchmarks.same_second import lateness
from tests.cloud import BASE, Cloud, wait_for

WARM_UP = 15.0
Request = tuple[str, str, bytes | None, dict[str, str]]


@dataclass
class Seen:
    """What clients were answered: how often which status, how long it took, and what was no answer at all."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    broken: Counter[str] = field(default_factory=Counter)


class PatientCloud(Cloud):
    """Called again after a second, as long as a call is refused because there were too many before it."""

    def call(self, method: str, path: str, body: Any = None, expect: int = 200) -> Any:
        """As ``Cloud.call``."""

        def look() -> list[Any]:
            status, answer = self.request(method, BASE + path, body)
            if status == HTTPStatus.TOO_MANY_REQUESTS:
                time.sleep(1)
                return []
            assert status == expect, f"{method} {path} answered {status}, not {expect}: {answer}"
            return [answer]

        return wait_for("room for one more request", 120, look)[0]


def main() -> None:
    """Parse the command line, run, report; fails when anything was a server's error, late, or grew."""
    parser = argparse.ArgumentParser("python -m benchmarks.strangers", description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--limits", choices=("on", "off"), default="on")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        cloud = PatientCloud(Path(folder) / "home", rate_limits=options.limits)
        stack.callback(cloud.stop)
        cloud.start(300)
        found = measure(cloud, options.clients, options.seconds)
        found["violations"] = len(cloud.violations())
    print(json.dumps(found) if options.json else "\n".join(f"{key:32} {value}" for key, value in found.items()))


def measure(cloud: Cloud, clients: int, seconds: float) -> dict[str, Any]:
    """Everything that is told, for so many clients."""
    cloud.register("bob")
    first = (datetime.now(UTC) + LEAD).replace(microsecond=0)
    small = action(cloud, "small", "logger", {"message": "tock"})
    mine = schedule(cloud, "each second", small, value=1, unit="second", starts_at=first.isoformat())
    cloud.call("GET", f"/schedules/{mine}")
    idle = cloud.memory()
    seen, warm = hammer(cloud, clients, seconds)
    full = cloud.memory()
    cloud.call("POST", f"/schedules/{mine}/pause", {})
    wait_for("the runs to end", 60, lambda: not unfinished(cloud, mine))
    late, took = sorted(lateness(cloud)), sorted(seen.seconds)
    grown = {pid: kib / warm[pid] - 1 for pid, kib in full.items() if pid in warm}
    return {
        "requests": sum(seen.statuses.values()),
        "per second": round(sum(seen.statuses.values()) / seconds, 1),
        "statuses": dict(sorted(seen.statuses.items())),
        "no answer": dict(seen.broken),
        "answered p50 s": round(took[len(took) // 2], 3),
        "answered p99 s": round(took[int(len(took) * 0.99)], 3),
        "fires": len(late),
        "late p50 s": round(late[len(late) // 2], 3),
        "late p99 s": round(late[int(len(late) * 0.99)], 3),
        "late max s": round(late[-1], 3),
        "processes": len(full),
        "memory idle, warm, after MiB": [round(sum(each.values()) / 1024) for each in (idle, warm, full)],
        "memory grew since warm": f"{sum(full.values()) / sum(warm.values()) - 1:+.1%}",
        "of one process at most": f"{max(grown.values()):+.1%}",
    }


def hammer(cloud: Cloud, clients: int, seconds: float) -> tuple[Seen, dict[int, int]]:
    """What so many clients were answered, and the memory of each process once it was warm."""
    seen, over, telling = Seen(), threading.Event(), threading.Lock()
    threads = [
        threading.Thread(target=_client, args=(cloud, random.Random(number), seen, telling, over), daemon=True)  # noqa: S311
        for number in range(clients)
    ]
    for thread in threads:
        thread.start()
    time.sleep(min(WARM_UP, seconds / 2))
    warm = cloud.memory()
    over.wait(seconds - min(WARM_UP, seconds / 2))
    over.set()
    for thread in threads:
        thread.join(60)
    return seen, warm


def _client(cloud: Cloud, chance: random.Random, seen: Seen, telling: threading.Lock, over: threading.Event) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", cloud.port, timeout=60)
    while not over.is_set():
        method, path, body, headers = _request(chance, cloud.token)
        began = time.monotonic()
        try:
            connection.request(method, BASE + path, body, headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            # A body that is too large may be refused before it was read.
            connection.close()
            with telling:
                seen.broken[type(error).__name__] += 1
            continue
        with telling:
            seen.statuses[answer.status] += 1
            seen.seconds.append(time.monotonic() - began)


def _request(chance: random.Random, token: str) -> Request:
    good, bad = {"Authorization": f"Bearer {token}"}, {"Authorization": f"Bearer {token[:-3]}abc"}
    name = f"stranger{chance.randrange(1000)}"
    login = json.dumps({"username": name, "password": "a guessed password"}).encode()
    broken = (b'{"name": ', b"[" * 100_000, b'{"name": "\xff\xfe"}', b"\x00" * 1000, b'{"a":' * 5000, b"null", b"")
    read = chance.choice(("/schedules", "/triggers?limit=50", "/dashboard/stats", "/actions"))
    kinds: tuple[Callable[[], Request], ...] = (
        lambda: ("POST", "/auth/login", login, {}),
        lambda: ("POST", "/schedules", chance.choice(broken), good),
        lambda: ("POST", "/actions", b"x" * chance.choice((300_000, 3_000_000)), good),
        lambda: ("GET", read, None, good),
        lambda: ("GET", "/schedules", None, bad),
        lambda: ("GET", f"/nothing/{name}", None, good),
    )
    return chance.choice(kinds)()


if __name__ == "__main__":
    main()
