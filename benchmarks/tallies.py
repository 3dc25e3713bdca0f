"""What does counting cost the statements that count?

    python -m benchmarks.tallies [--rounds 200] [--pack 100]

Starts a PostgreSQL of its own (fsync on). In turn, a pack is claimed and ended by the statements as they are and by the
same ones without their tallies; each round is two transactions of one statement each. Prints the median and the ninth
decile of both, in milliseconds, and how much longer counting takes.
"""

import argparse
import json
import statistics
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from infra.local.postgres import EmbeddedPostgres
from infra.migrations.run import upgrade
from shared.settings import Settings
from shared.store import executing
from shared.store.arrays import bound
from shared.store.engine import Database, connect

FILL = """
INSERT INTO users (username, email, password_hash, plan_id) VALUES ('ada', 'ada@example.org', '-', 1);
INSERT INTO actions (user_id, name) VALUES (1, 'a');
INSERT INTO schedules (user_id, action_id, name, schedule_type, schedule_value, schedule_unit, schedule_status)
SELECT 1, 1, 'n' || n, 'recurring', '1', 'day', 'processing' FROM generate_series(1, {pack}) AS n;
INSERT INTO triggers (user_id, schedule_id, action_id, schedule_version, due_at, next_attempt_at, status, queued_at,
  resend_at) SELECT 1, id, 1, 1, now(), now(), 'queued', now(), now() FROM schedules;
"""
AGAIN = "UPDATE triggers SET status = 'queued', attempt = 0, started_at = NULL, finished_at = NULL, resend_at = now()"


def main() -> None:
    """Parse the command line, run, report."""
    parser = argparse.ArgumentParser("python -m benchmarks.tallies", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--pack", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        postgres = EmbeddedPostgres(Path(folder))
        try:
            database = connect(Settings.load(postgres.start() | {"CRONNY_QUEUE_URL": "http://127.0.0.1:1/queue"}))
            found = measure(database, options.rounds, options.pack)
            database.close()
        finally:
            postgres.stop()
    print(json.dumps(found) if options.json else "\n".join(f"{key:32} {value:9.3f}" for key, value in found.items()))


def measure(database: Database, rounds: int, pack: int) -> dict[str, float]:
    """Milliseconds of each kind of transaction."""
    upgrade(database)
    run(database, FILL.format(pack=pack))
    taken: dict[str, list[float]] = {"claim": [], "claim, not counted": [], "end": [], "end, not counted": []}
    for number in range(2 * rounds):
        counted = number % 2 == 0
        claim, finish = (executing.CLAIM, executing.FINISH) if counted else (executing.CLAIMED, executing.FINISHED)
        one_round(database, claim, finish, pack, ["" if counted else ", not counted", taken])
    medians = {f"{kind} p50 ms": statistics.median(each) for kind, each in taken.items()}
    deciles = {f"{kind} p90 ms": sorted(each)[int(len(each) * 0.9)] for kind, each in taken.items()}
    more = {
        f"counting adds to {kind} ms": medians[f"{kind} p50 ms"] - medians[f"{kind}, not counted p50 ms"]
        for kind in ("claim", "end")
    }
    return medians | deciles | more


def one_round(database: Database, claim: Any, finish: Any, pack: int, into: Any) -> None:
    """Claim a pack and end it."""
    run(database, AGAIN)
    now = database.now() + timedelta(seconds=1)
    suffix, taken = into
    began = time.perf_counter()
    with database.begin() as connection:
        values: dict[str, Any] = {"ids": list(range(1, pack + 1)), "now": now, "lease": now, "speed": 1.0}
        assert len(connection.execute(claim, values).all()) == pack
    taken[f"claim{suffix}"].append((time.perf_counter() - began) * 1000)
    values = bound(executing._end, [(number, 1, "completed", None) for number in range(1, pack + 1)])
    began = time.perf_counter()
    with database.begin() as connection:
        assert len(connection.execute(finish, values | {"now": now}).all()) == pack
    taken[f"end{suffix}"].append((time.perf_counter() - began) * 1000)


def run(database: Database, statements: str) -> None:
    """Statements in one transaction."""
    with database.begin() as connection:
        for statement in statements.split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement)


if __name__ == "__main__":
    main()
