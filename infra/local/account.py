"""Which account runs PostgreSQL: it refuses to run as root, and runs as `nobody` when we are root."""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Account:
    """The user and group the server runs under; `None` means whoever we are."""

    uid: int | None = None
    gid: int | None = None

    @property
    def popen(self) -> dict[str, Any]:
        """The arguments of `subprocess.run` that make a program run under this account."""
        return {} if self.uid is None else {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, folder: Path) -> None:
        """Creates `folder` if needed; afterwards it belongs to this account, and to nobody else."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.uid is not None and self.gid is not None:
            os.chown(folder, self.uid, self.gid)
        folder.chmod(0o700)

    def give(self, file: Path, text: str) -> None:
        """Writes a file that only this account (and root) can read."""
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text)
        if self.uid is not None and self.gid is not None:
            os.chown(file, self.uid, self.gid)


def server_account() -> Account:
    """`nobody` when we are root, else ourselves."""
    if os.geteuid() != 0:
        return Account()
    entry = pwd.getpwnam("nobody")
    return Account(entry.pw_uid, entry.pw_gid)
