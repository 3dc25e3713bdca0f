"""What does a statement cost between here and the database, with Cronny's driver and with pg8000 as it comes?

    python -m benchmarks.statements [--rounds 300] [--json]

Starts a PostgreSQL of its own. Each round is a transaction of one statement: the smallest there is, the claim of a
trigger that is not there, and the claim of a hundred. The two drivers take turns, so whatever else this machine does
hits both alike. Milliseconds from the outside, of this process's CPU, and of the server process's CPU; and how often
it was waited for an answer.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, create_engine, func, select

from benchmarks.tallies import AGAIN, FILL, run
from infra.local.postgres import EmbeddedPostgres
from infra.migrations.run import upgrade
from shared.settings import Settings
from shared.store import executing
from shared.store.engine import Database, connect

PACK = 100
TURN = 20
SMALL = select(func.length(bindparam("said")))


def main() -> None:
    """Parse the command line, run, report."""
    parser = argparse.ArgumentParser("python -m benchmarks.statements", description=__doc__)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        postgres = EmbeddedPostgres(Path(folder))
        try:
            settings = Settings.load(postgres.start() | {"CRONNY_QUEUE_URL": "http://127.0.0.1:1/queue"})
            found = measure(settings, options.rounds)
        finally:
            postgres.destroy()
    if options.json:
        print(json.dumps(found))
        return
    print(f"{'':40} {'wall':>8} {'client':>8} {'server':>8} {'trips':>6}")
    for name, row in found.items():
        print(f"{name:40} {row['wall']:8.2f} {row['client']:8.2f} {row['server']:8.2f} {row['trips']:6.1f}")


def measure(settings: Settings, rounds: int) -> dict[str, dict[str, float]]:
    """Each statement with each driver."""
    ours = connect(settings)
    upgrade(ours)
    run(ours, FILL.format(pack=PACK))
    drivers = {"pg8000": Database(plain(settings)), "cronny": ours}
    now = ours.now()
    with ours.begin() as connection:
        ids = list(connection.exec_driver_sql("SELECT id FROM triggers ORDER BY 1").scalars())
    claim = {"now": now, "lease": now, "speed": 1.0}
    work: dict[str, tuple[Any, dict[str, Any], Callable[[], None]]] = {
        "the smallest": (SMALL, {"said": "x"}, lambda: None),
        "a claim of nothing": (executing.CLAIM, claim | {"ids": [-1]}, lambda: None),
        f"a claim of {PACK}": (executing.CLAIM, claim | {"ids": ids}, lambda: run(ours, AGAIN)),
    }
    found = {}
    for what, (statement, values, before) in work.items():
        taken: dict[str, list[tuple[float, ...]]] = {name: [] for name in drivers}
        for number in range(-TURN, rounds):
            for name, database in drivers.items():
                before()
                figures = one(database, statement, values)
                if number >= 0:
                    taken[name].append(figures)
        for name, rows in taken.items():
            means = [statistics.mean(column) for column in zip(*rows, strict=True)]
            means[0] = statistics.median(row[0] for row in rows)
            found[f"{what}, {name}"] = dict(zip(("wall", "client", "server", "trips"), means, strict=True))
    for database in drivers.values():
        database.close()
    return found


def plain(settings: Settings) -> Engine:
    """An engine of pg8000 as it comes, but with everything else that Cronny does."""
    ours = connect(settings).engine
    url = ours.url.set(drivername="postgresql+pg8000")
    engine = create_engine(url, pool_size=1, max_overflow=0, pool_pre_ping=True, connect_args={"ssl_context": False})
    from sqlalchemy import event

    from shared.store.engine import _no_delay

    event.listen(engine, "connect", _no_delay)
    return engine


def one(database: Database, statement: Any, values: dict[str, Any]) -> tuple[float, ...]:
    """One transaction: milliseconds of wall clock, of our CPU and of the server's, and how often we waited."""
    backend, flushes = opened(database)
    server = cpu(backend)
    began, own = time.perf_counter(), time.process_time()
    with database.begin() as connection:
        connection.execute(statement, values).all()
    wall, client = time.perf_counter() - began, time.process_time() - own
    return wall * 1000, client * 1000, (cpu(backend) - server) * 1000, float(flushes())


_OPENED: dict[int, tuple[int, list[int]]] = {}


def opened(database: Database) -> tuple[int, Callable[[], int]]:
    """The server's process for this database's connection, and a count of flushes since this was asked."""
    if id(database) not in _OPENED:
        with database.begin() as connection:
            pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
            _OPENED[id(database)] = (pid, counted(connection))
    pid, flushed = _OPENED[id(database)]
    before = len(flushed)
    return pid, lambda: len(flushed) - before


def counted(connection: Connection) -> list[int]:
    """Grows by one whenever what was written is sent off."""
    flushed: list[int] = []
    sock: Any = connection.connection.dbapi_connection._sock  # type: ignore[union-attr]
    flush = sock.flush

    def counting() -> None:
        flushed.append(1)
        flush()

    sock.flush = counting
    return flushed


def cpu(pid: int) -> float:
    """Seconds of CPU of a process: Linux counts nanoseconds while it runs."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


if __name__ == "__main__":
    main()
