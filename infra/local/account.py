"""Which account runs PostgreSQL, and where that account can reach files.

PostgreSQL refuses to run as root. When we are root it runs as `nobody`, who often cannot get into the checkout
(a home of mode 0700), so that what it needs moves to a folder everybody can enter.
"""

import contextlib
import os
import pwd
import shutil
import tempfile
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


def reachable(path: Path) -> bool:
    """Whether everybody may enter `path`'s folders and read `path` itself."""
    parents = [parent for parent in path.resolve().parents if not parent.stat().st_mode & 0o001]
    return not parents and path.stat().st_mode & 0o005 == 0o005


def public_folder() -> Path:
    """A folder that belongs to root and that everybody can enter. Only asked for when we are root."""
    for parent in (Path("/var/lib"), Path(tempfile.gettempdir())):
        folder = parent / "cronny"
        try:
            folder.mkdir(mode=0o755, exist_ok=True)
            folder.chmod(0o755)
        except OSError:
            continue
        # In a folder where everybody may write, somebody else may have been faster.
        if folder.lstat().st_uid == 0 and not folder.is_symlink() and reachable(folder):
            return folder
    raise PermissionError("As root, PostgreSQL needs a folder that everybody can enter; /var/lib and /tmp are none.")


def public_copy(sources: list[Path], name: str) -> Path:
    """A folder with copies of these folders side by side that everybody can run, made once per `name`."""
    target = public_folder() / name
    if target.exists():
        return target
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        for source in sources:
            shutil.copytree(source, Path(scratch) / name / source.name, symlinks=True)
        _open_to_all(Path(scratch) / name)
        # It appears whole or not at all, also when several processes make it at once.
        with contextlib.suppress(FileExistsError):
            (Path(scratch) / name).rename(target)
    return target


def _open_to_all(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
