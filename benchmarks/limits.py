"""What does counting requests cost each of them?

    python -m benchmarks.limits [--calls 2000]

Starts a PostgreSQL of its own and calls the API's handler in this process, with limits and without, in turns: a read
that needs the database (GET auth/me with a token), and one that is refused. Microseconds. Also how many statements the
limits added, and how long one takes that tells the database what was let through.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from sqlalchemy import event, text

from chalicelib.application import build
from chalicelib.limits import Limits, Standing, headers
from infra.local.postgres import EmbeddedPostgres
from infra.migrations.run import upgrade
from shared.clock import Reading, SteppedClock
from shared.rates import OF_ADDRESS, Counted, Rate, key_of
from shared.services import Services
from shared.settings import Settings
from shared.store import request_rates
from shared.store.engine import connect
from shared.user import UserId
from tests.chalicelib.client import Client
from tests.fakes import RecordedQueue

BODY = {"username": "ada", "email": "ada@example.org", "password": "correct horse battery"}
# In turns of so many calls, so that whatever else this machine does hits all alike.
TURN = 50


def main() -> None:
    """Parse the command line, run, report."""
    parser = argparse.ArgumentParser("python -m benchmarks.limits", description=__doc__)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.environ["POWERTOOLS_LOG_LEVEL"] = "ERROR"
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        services = started(Path(folder), stack)
        rows = measured(services, options.calls)
    if options.json:
        print(json.dumps(rows))
        return
    for name, figure in rows.items():
        print(f"{name:48} {figure:10.1f}")


def started(home: Path, stack: ExitStack) -> Services:
    """Services on a database of their own, whose plans let nobody wait."""
    postgres = EmbeddedPostgres(home)
    stack.callback(postgres.destroy)
    settings = Settings.load(postgres.start() | {"CRONNY_QUEUE_URL": "http://127.0.0.1:1/queue"})
    database = connect(settings)
    stack.callback(database.close)
    upgrade(database)
    with database.begin() as connection:
        connection.execute(text("UPDATE plans SET requests_per_second = 100"))

    def read() -> Reading:
        now = database.now()
        return Reading(now, now)

    return Services(settings, database, RecordedQueue(), {}, SteppedClock(read), "benchmark")


def measured(services: Services, calls: int) -> dict[str, float]:
    """The medians by name."""
    limited = replace(services, settings=replace(services.settings, rate_limits=10.0))
    unlimited = replace(services, settings=replace(services.settings, rate_limits=0.0))
    token = Client(build(lambda: unlimited)).post("auth/register", BODY).json["token"]
    with_limits, without = (
        Client(build(partial(replace, own))).at("192.0.2.1").bearing(token) for own in (limited, unlimited)
    )
    told: list[str] = []
    event.listen(services.database.engine, "before_cursor_execute", lambda *given: told.append(given[2]))
    times: dict[str, list[float]] = {"without": [], "with": []}
    for _ in range(calls // TURN):
        for name, client in (("without", without), ("with", with_limits)):
            times[name] += [timed(client, 200) for _ in range(TURN)]
    statements = sum("request_rates" in statement for statement in told)
    return {
        "a read without limits, median us": statistics.median(times["without"]),
        "a read with limits, median us": statistics.median(times["with"]),
        "a read without limits, mean us": statistics.mean(times["without"]),
        "a read with limits, mean us": statistics.mean(times["with"]),
        "counting alone, nothing told, median us": statistics.median(counting(limited) for _ in range(calls)),
        "a refused read, median us": statistics.median(refused(services, token, calls)),
        "statements of the limits for each 100 reads": 100 * statements / calls,
        "one such statement, median us": statistics.median(telling(limited) for _ in range(500)),
    }


def refused(services: Services, token: str, calls: int) -> list[float]:
    """Of an address that has to wait."""
    strict = replace(services, settings=replace(services.settings, rate_limits=0.001))
    client = Client(build(lambda: strict)).at("192.0.2.2").bearing(token)
    while client.get("auth/me").status != 429:
        pass
    return [timed(client, 429) for _ in range(calls)]


def counting(services: Services) -> float:
    """Counting one request for its address and its user, in a process of its own that has nothing to tell yet."""
    limits, standings = Limits(), list[Standing]()
    began = time.perf_counter()
    limits.count_address(services, "192.0.2.4", standings, signs_in=False)
    limits.count_user(services, UserId(1), "a token", Rate(100, 3000), standings)
    headers(standings)
    return (time.perf_counter() - began) * 1e6


def telling(services: Services) -> float:
    """Telling the database of a request, in a transaction of its own."""
    key, now, began = key_of(Counted.ADDRESS, "192.0.2.3"), services.clock.real_now(), time.perf_counter()
    with services.database.begin() as connection:
        request_rates.tell(connection, key, OF_ADDRESS, 1, now)
    return (time.perf_counter() - began) * 1e6


def timed(client: Client, expected: int) -> float:
    """Microseconds of one call."""
    began = time.perf_counter()
    status = client.get("auth/me").status
    taken = (time.perf_counter() - began) * 1e6
    if status != expected:
        raise SystemExit(f"a call was answered {status} and not {expected}")
    return taken


if __name__ == "__main__":
    main()
