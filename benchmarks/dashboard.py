"""How long do a user's dashboard and a scrape of /metrics take when a million of everything is stored?

    python -m benchmarks.dashboard [--schedules 1000000] [--looks 40]

Starts a PostgreSQL of its own. One user has so many schedules, each with a planned trigger and one that ran within the
last day: the worst of cases. Times the verbs behind both routes, and the text of the scrape, in this process.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pg8000.native

from chalicelib.wire.metrics import to_text
from infra.local.postgres import EmbeddedPostgres
from infra.migrations.run import upgrade
from shared.clock import Reading, SteppedClock
from shared.manage import dashboard
from shared.manage.measures import get_measures
from shared.services import Services
from shared.settings import Settings
from shared.store.engine import Database, connect
from shared.user import UserId
from tests.fakes import RecordedQueue

# A client gives up on a statement after 20 s: it is done in parts.
PART = 50_000
OWNER = """
INSERT INTO users (username, email, password_hash, plan_id) VALUES ('ada', 'ada@example.org', '-', 3);
INSERT INTO actions (user_id, name) VALUES (1, 'a');
"""
PART_OF_ALL = """
INSERT INTO schedules (user_id, action_id, name, schedule_type, schedule_value, schedule_unit, schedule_status)
SELECT 1, 1, 'n' || n, 'recurring', '1', 'day', 'processing' FROM generate_series({first} + 1, {last}) AS n;
INSERT INTO triggers (user_id, schedule_id, action_id, schedule_version, due_at, next_attempt_at)
SELECT 1, id, 1, 1, now() + interval '1 day', now() + interval '1 day' FROM schedules WHERE id > {first};
INSERT INTO triggers (user_id, schedule_id, action_id, schedule_version, due_at, next_attempt_at, attempt, status,
  started_at, finished_at)
SELECT 1, id, 1, 1, at, at, 1, 'completed', at + interval '1 s', at + interval '2 s'
FROM (SELECT id, now() - id % 80000 * interval '1 s' AS at FROM schedules WHERE id > {first}) AS ran;
"""


def main() -> None:
    """Parse the command line, run, report."""
    parser = argparse.ArgumentParser("python -m benchmarks.dashboard", description=__doc__)
    parser.add_argument("--schedules", type=int, default=1_000_000)
    parser.add_argument("--looks", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        postgres = EmbeddedPostgres(Path(folder), fsync=False)
        try:
            settings = Settings.load(postgres.start() | {"CRONNY_QUEUE_URL": "http://127.0.0.1:1/queue"})
            database = connect(settings)
            fill(database, settings, options.schedules)
            found = measure(settings, database, options.looks)
            database.close()
        finally:
            postgres.stop()
    print(json.dumps(found) if options.json else "\n".join(f"{key:32} {value:9.1f}" for key, value in found.items()))


def fill(database: Database, settings: Settings, schedules: int) -> None:
    """Store everything, and have PostgreSQL know what it has."""
    upgrade(database)
    run(database, OWNER)
    for first in range(0, schedules, PART):
        run(database, PART_OF_ALL.format(first=first, last=min(first + PART, schedules)))
    place = {"host": settings.db_host, "port": settings.db_port, "database": settings.db_name}
    own = pg8000.native.Connection(settings.db_user, password=settings.db_password, ssl_context=False, **place)
    own.run("VACUUM ANALYZE")
    own.close()


def measure(settings: Settings, database: Database, looks: int) -> dict[str, float]:
    """Milliseconds."""
    clock = SteppedClock(lambda: Reading(database.now(), database.now()))
    services = Services(settings, database, RecordedQueue(), {}, clock, "benchmark")
    measures = get_measures(services)
    return {
        **timed("dashboard", looks, lambda: dashboard.get_stats(services, UserId(1))),
        **timed("scrape", looks, lambda: get_measures(services)),
        **timed("scrape's text", looks, lambda: to_text(measures)),
    }


def timed(name: str, looks: int, look: Callable[[], object]) -> dict[str, float]:
    """The median and the 95th percentile."""
    taken = []
    for _ in range(looks):
        began = time.perf_counter()
        look()
        taken.append((time.perf_counter() - began) * 1000)
    return {f"{name} p50 ms": statistics.median(taken), f"{name} p95 ms": sorted(taken)[int(looks * 0.95)]}


def run(database: Database, statements: str) -> None:
    """Each of them in a transaction of its own."""
    for statement in statements.split(";\n"):
        if statement.strip():
            with database.begin() as connection:
                connection.exec_driver_sql(statement)


if __name__ == "__main__":
    main()
