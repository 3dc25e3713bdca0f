"""The AWS emulator: MiniStack, in its own virtual environment, as a child that dies with us.

It keeps no state between two starts. Deploying takes a second, and whatever was in its queues is found again in the
database, so that there is nothing that could be stale.
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from threading import Thread

from infra.local import leash
from infra.local.home import ROOT, LocalCloudError
from infra.local.ports import LOOPBACK, remembered_port
from infra.local.processes import command, kill_all_with

START_SECONDS = 60.0
SWEEP_SECONDS = 3.0
STOP_SECONDS = leash.GRACE_SECONDS + 7
# What our own environment says about databases, accounts and interpreters must not reach the functions by accident:
# the emulator starts them with all of its environment, and template.yaml says what they get.
WITHHELD = ("AWS_", "CRONNY_", "DB_", "JWT_", "MAKE", "MFLAGS", "PYTHON", "VIRTUAL_ENV", "DEMO", "PORT", "USE_PG")


class Emulator:
    """MiniStack with its files in `<home>/emulator`: a log, a port, and the unpacked functions in tmp/."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "emulator"
        self._process: subprocess.Popen[bytes] | None = None
        self.endpoint = ""

    def start(self) -> str:
        """Starts it and answers its endpoint. What an earlier, killed session left running is killed first.

        Raises LocalCloudError when it does not come up.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self.stop()
        self.kill_leftovers()
        port = remembered_port(self._folder / "port")
        self.endpoint = f"http://{LOOPBACK}:{port}"
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", leash.__file__, str(_interpreter()), "-m", "ministack"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_environment(port, self._folder / "tmp"),
                start_new_session=True,
            )
        self._wait()
        return self.endpoint

    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process is not None and self._process.poll() is None

    def wait(self, seconds: float) -> bool:
        """Waits for its end; answers whether that came in time."""
        if self._process is None:
            return True
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        if self._process.stdin:
            self._process.stdin.close()
        return True

    def stop(self) -> None:
        """Stops it and all its workers, whatever they are doing."""
        if self._process is None:
            return
        if self._process.stdin:
            self._process.stdin.close()
        if not self.wait(STOP_SECONDS):
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self.kill_leftovers()
        self._process = None

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not _healthy(self.endpoint):
            if not self.alive() or time.monotonic() > deadline:
                log = (self._folder / "log").read_text(errors="replace")
                self.stop()
                raise LocalCloudError("The AWS emulator did not start. The end of its log:\n" + log[-2000:])
            time.sleep(0.05)

    def kill_leftovers(self) -> None:
        """Kills what a killed session left running. Workers run from tmp/; MiniStack itself wrote its pid there."""
        for file in (self._folder / "tmp").glob("ministack-*.pid"):
            pid = file.read_text().strip()
            if pid.isdigit() and "ministack" in command(int(pid)):
                os.kill(int(pid), signal.SIGKILL)
        kill_all_with(f"{self._folder / 'tmp'}/ministack-lambda-")
        self._sweep()

    def _sweep(self) -> None:
        """Deletes what the workers unpacked, tens of thousands of files, but waits for it no longer than a moment.

        What is left of it when we end goes at the next start.
        """
        if (self._folder / "tmp").exists():
            (self._folder / "tmp").rename(self._folder / f"{secrets.token_hex(4)}.old")
        (self._folder / "tmp").mkdir(parents=True)
        sweeper = Thread(target=_delete, args=(list(self._folder.glob("*.old")),), daemon=True)
        sweeper.start()
        sweeper.join(SWEEP_SECONDS)


def _delete(folders: list[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _interpreter() -> Path:
    """The Python of the emulator's virtual environment, which is also the functions' runtime."""
    python = Path(os.environ.get("CRONNY_EMULATOR_VENV") or ROOT / ".venv-emulator") / "bin" / "python"
    if not python.exists():
        raise LocalCloudError(f"The AWS emulator is not installed ({python} is missing): run `make install`.")
    return python


def _environment(port: int, scratch: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(WITHHELD)}
    return kept | {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": LOOPBACK,
        "TMPDIR": str(scratch),
        "PYTHONUNBUFFERED": "1",
        # Workers stay: ten that start at once, in the second in which they are needed, take two cores many seconds.
        "LAMBDA_WARM_TTL_SECONDS": "86400",
        # Servers on fixed ports that nobody here uses.
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        # It stops containers that it takes for its own when it finds a Docker daemon.
        "DOCKER_HOST": "unix:///nonexistent",
    }


def _healthy(endpoint: str) -> bool:
    try:
        with urllib.request.urlopen(f"{endpoint}/_ministack/health", timeout=2) as answer:  # noqa: S310
            return isinstance(json.load(answer), dict)
    except (OSError, ValueError):
        return False
