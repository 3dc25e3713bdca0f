"""The laboratory's PostgreSQL server, which keeps what it has promised: restarted in good order, or killed."""

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from infra.local.postgres import EmbeddedPostgres
from shared.errors import Unavailable
from shared.settings import Settings
from shared.store.engine import connect
from tests.conftest import server_settings
from tests.databases import make_template


@dataclass
class Server:
    """A server with a migrated template database; what it has written it has synchronised, too."""

    home: Path
    settings: Settings
    postgres: EmbeddedPostgres

    def restart(self, away: float) -> float:
        """Stop it in good order, start it after ``away`` seconds; answers ``time.monotonic()`` of its return."""
        self.postgres.stop()
        return self._back(away)

    def crash(self, away: float) -> float:
        """The same with SIGKILL for its postmaster: transactions break off, and it recovers by its log."""
        pid = (self.home / "postgres").resolve() / "data" / "postmaster.pid"
        with suppress(FileNotFoundError, ProcessLookupError):
            os.kill(int(pid.read_text().split()[0]), signal.SIGKILL)
        return self._back(away)

    def _back(self, away: float) -> float:
        time.sleep(away)
        self.postgres.start()
        database = connect(self.settings)
        while True:
            with suppress(Unavailable):
                database.now()
                break
        database.close()
        return time.monotonic()


@contextmanager
def serving() -> Iterator[Server]:
    """A server of its own, for as long as the block lasts."""
    with tempfile.TemporaryDirectory() as folder:
        postgres = EmbeddedPostgres(Path(folder), fsync=True)
        try:
            settings = server_settings(postgres.start())
            make_template(settings)
            yield Server(Path(folder), settings, postgres)
        finally:
            postgres.destroy()
