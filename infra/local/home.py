"""The local cloud's folder, CRONNY_HOME: databases, ports, secrets, and what the running session wrote about itself."""

import base64
import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.local.ports import answers

ROOT = Path(__file__).resolve().parent.parent.parent


class LocalCloudError(RuntimeError):
    """Something a person has to do first; the text says what."""


@dataclass(frozen=True)
class Session:
    """What a running `up` tells the other commands.

    `functions` maps the short name (`creator`) to the deployed one, `settings` are the functions' variables.
    """

    pid: int
    url: str
    port: int
    endpoint: str
    queue_url: str
    functions: dict[str, str]
    settings: dict[str, str]


@dataclass(frozen=True)
class Home:
    """The folder and what is written directly in it."""

    path: Path

    @classmethod
    def of_environment(cls) -> "Home":
        """CRONNY_HOME, or `.cronny` in the checkout; created if it is missing."""
        path = Path(os.environ.get("CRONNY_HOME") or ROOT / ".cronny").absolute()
        path.mkdir(parents=True, exist_ok=True)
        return cls(path)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Held while a session runs: two of them would take each other's database and emulator."""
        with (self.path / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise LocalCloudError(
                    f"A local cloud is already running with its data in {self.path}. "
                    "Stop it first, or set CRONNY_HOME to another folder."
                ) from error
            yield

    def secret(self, name: str) -> str:
        """A random value of 43 characters that stays the same as long as the folder exists."""
        file = self.path / name
        if not file.exists():
            _write_private(file, secrets.token_urlsafe(32))
        return file.read_text().strip()

    def key_file(self) -> Path:
        """The file with the key that secrets are sealed under (see ``shared.vault.file``); made when it is missing.

        Whoever loses it loses the secrets in this folder's database.
        """
        file = self.path / "secrets-key"
        if not file.exists():
            _write_private(file, base64.b64encode(secrets.token_bytes(32)).decode() + "\n")
        return file

    def announce(self, session: Session) -> None:
        """Lets `session` answer it to other commands."""
        _write_private(self.path / "session.json", json.dumps(asdict(session), indent=1))

    def withdraw(self) -> None:
        """Forgets the session."""
        (self.path / "session.json").unlink(missing_ok=True)

    def session(self) -> Session | None:
        """The session that runs now, if any; what a killed one wrote does not count."""
        file = self.path / "session.json"
        if not file.exists():
            return None
        session = Session(**json.loads(file.read_text()))
        return session if answers(session.port) else None


def _write_private(file: Path, text: str) -> None:
    file.with_suffix(".new").unlink(missing_ok=True)
    descriptor = os.open(file.with_suffix(".new"), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    file.with_suffix(".new").rename(file)
