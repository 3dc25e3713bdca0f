"""The one artefact that all functions run from: our packages, and of the locked requirements what is used at run time.

`python -m infra.artifact` writes build/artifact.zip for this machine;
`python -m infra.artifact --lambda --output FOLDER` writes an unpacked one for Lambda, as `sam build` wants it.

Without `--environment development` an artefact for Lambda has no fail points in it: neither in its sources nor in their
byte code is anything left of `if __debug__:`.

Installing the requirements is the slow part, so that their layer is kept in build/, named by what decides its content.
"""

import argparse
import fcntl
import hashlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.fail_points import without_fail_points

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("app.py", "chalicelib", "functions", "shared", "infra/migrations", "frontend/dist")
# Lambda brings these along, and so does the local cloud's emulator.
IN_THE_RUNTIME = {"boto3", "botocore", "s3transfer"}
# Only the command lines of chalice and cffi's compiler need these.
NOT_AT_RUN_TIME = {
    *("ansicon", "blessed", "click", "editor", "inquirer", "jinxed", "pip", "pycparser", "pyyaml"),
    *("readchar", "runs", "setuptools", "wcwidth", "wheel", "xmod"),
}
# Of chalice the application object is used, and none of its deployment.
CHALICE = {"__init__.py", "app.py", "py.typed"}
UNUSED_FILES = re.compile(
    r"^bin/|/tests?/|/testing/|/licenses/|/RECORD$|/direct_url.json$|\.(pyi|pyx|c|exe)$"
    # What nothing of ours imports; a test imports every handler from what is left. Each cold start unpacks the rest.
    r"|^sqlalchemy/(dialects/(mssql|mysql|oracle|sqlite)|orm)/|^alembic/templates/"
    r"|^aws_lambda_powertools/event_handler/"
)
LAMBDA_PLATFORM = {"x86_64": "manylinux2014_x86_64", "arm64": "manylinux2014_aarch64"}
LAMBDA_PYTHON = "3.13"
ENVIRONMENTS = ("development", "staging", "production")  # as CRONNY_ENV says
EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Target:
    """Where the artefact is going to run: this machine, or Lambda on one architecture; with fail points or without."""

    architecture: str | None = None
    fail_points: bool = True

    @property
    def key(self) -> str:
        """Names everything about the target that decides which wheels are taken."""
        return f"lambda-{self.architecture}" if self.architecture else f"{platform.platform()}-{sys.version}"

    @property
    def pip(self) -> list[str]:
        """The options of `pip install` that select this target's wheels."""
        if self.architecture is None:
            return []
        platforms = [LAMBDA_PLATFORM[self.architecture], LAMBDA_PLATFORM[self.architecture].replace("2014", "_2_28")]
        chosen = [option for name in platforms for option in ("--platform", name)]
        return [*chosen, "--python-version", LAMBDA_PYTHON, "--implementation", "cp", "--only-binary", ":all:"]

    @property
    def compression(self) -> int:
        """Lambda limits the size. The emulator unpacks for each worker anew, and takes half the time without."""
        return zipfile.ZIP_DEFLATED if self.architecture else zipfile.ZIP_STORED

    @property
    def byte_code(self) -> bool:
        """Whether our interpreter can compile for the target."""
        return self.architecture is None or sys.version_info[:2] == tuple(map(int, LAMBDA_PYTHON.split(".")))


def build_zip(root: Path = ROOT, target: Target | None = None) -> Path:
    """Writes build/artifact.zip and answers its path. The same sources always give the same bytes."""
    target = target or Target()
    archive = root / "build" / "artifact.zip"
    scratch = archive.with_suffix(".new")
    with _alone(root), tempfile.TemporaryDirectory() as folder:
        shutil.copyfile(build_layer(root, target).with_suffix(".zip"), scratch)
        _copy_sources(root, Path(folder), target)
        _compile(Path(folder), target)
        _add(scratch, Path(folder), target)
        return scratch.rename(archive)


def build_linked_zip(root: Path = ROOT) -> Path:
    """Writes build/linked.zip, which finds the requirements where they lie in build/; answers its path.

    The emulator unpacks the artefact for each of a dozen workers; without the requirements that is a matter of
    milliseconds.
    """
    target = Target()
    archive = root / "build" / "linked.zip"
    scratch = archive.with_suffix(".new")
    with _alone(root), tempfile.TemporaryDirectory() as folder:
        layer = build_layer(root, target)
        _copy_sources(root, Path(folder), target)
        # Behind the artefact's own folder and before whatever the emulator has installed for itself.
        link = f"import sys\n\nsys.path.insert(1, {str(layer)!r})\n"
        (Path(folder) / "functions" / "__init__.py").write_text(link)
        _compile(Path(folder), target)
        scratch.unlink(missing_ok=True)
        _add(scratch, Path(folder), target)
        return scratch.rename(archive)


def build_folder(output: Path, root: Path = ROOT, target: Target | None = None) -> None:
    """Writes the unpacked artefact into `output`."""
    target = target or Target()
    with _alone(root):
        shutil.copytree(build_layer(root, target), output, dirs_exist_ok=True)
    _copy_sources(root, output, target)
    _compile(output, target)


def build_layer(root: Path, target: Target) -> Path:
    """The folder with the installed requirements; a zip of it lies beside it."""
    wanted = requirements((root / "requirements.txt").read_text())
    rules = Path(__file__).read_text()
    digest = hashlib.sha256("\0".join([wanted, rules, target.key]).encode()).hexdigest()[:16]
    kind = f"layer-{target.architecture or 'host'}"
    layer = root / "build" / f"{kind}-{digest}"
    if not layer.with_suffix(".zip").exists():
        for old in (root / "build").glob(f"{kind}-*"):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        layer.mkdir(parents=True)
        _install(wanted, layer, target)
        _compile(layer, target)
        _add(layer.with_suffix(".new"), layer, target)
        layer.with_suffix(".new").rename(layer.with_suffix(".zip"))
    return layer


def requirements(lock: str) -> str:
    """The entries of the lock file that are needed at run time and are not in the runtime, with their hashes."""
    entries = re.split(r"^(?=[A-Za-z])", lock, flags=re.MULTILINE)
    unwanted = IN_THE_RUNTIME | NOT_AT_RUN_TIME
    return "".join(entry for entry in entries[1:] if re.split(r"[=\s]", entry)[0].lower() not in unwanted)


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """One build at a time in one checkout: a test run and `make run` may want the same layer."""
    (root / "build").mkdir(exist_ok=True)
    with (root / "build" / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(wanted: str, layer: Path, target: Target) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(wanted)
        file.flush()
        subprocess.run(  # noqa: S603
            [
                *(sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-compile"),
                *("--no-deps", "--require-hashes", *target.pip, "--target", str(layer), "-r", file.name),
            ],
            check=True,
        )
    for path in list(_files(layer)):
        if _unused(path.relative_to(layer).as_posix()):
            path.unlink()


def _unused(name: str) -> bool:
    chalice = name.startswith("chalice/") and name.removeprefix("chalice/") not in CHALICE
    return chalice or bool(UNUSED_FILES.search(name))


def _copy_sources(root: Path, output: Path, target: Target) -> None:
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in SOURCES:
        source, copy = root / name, output / name
        if source.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy, ignore=ignore, dirs_exist_ok=True)
        elif source.exists():
            shutil.copyfile(source, copy)
        if not target.fail_points:
            for file in [copy] if copy.suffix == ".py" else copy.rglob("*.py"):
                file.write_text(without_fail_points(file.read_text()))


def _compile(folder: Path, target: Target) -> None:
    """Byte code that is never compared with its source: a cold start then neither compiles nor asks for file times."""
    if target.byte_code:
        options = ["-q", "-j", "0", "-s", str(folder), "--invalidation-mode", "unchecked-hash"]
        # In a process of its own: its workers are forks, and ours would hold on to whatever the local cloud has open.
        subprocess.run([sys.executable, "-m", "compileall", *options, str(folder)], check=True)  # noqa: S603


def _add(archive: Path, folder: Path, target: Target) -> None:
    """Appends the files of a folder in a fixed order, with fixed times and modes."""
    with zipfile.ZipFile(archive, "a", target.compression, compresslevel=6) as file:
        for path in _files(folder):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), EPOCH)
            entry.external_attr = (0o755 if path.suffix == ".so" else 0o644) << 16
            entry.compress_type = target.compression
            file.writestr(entry, path.read_bytes())


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(path for path in folder.rglob("*") if path.is_file())


def main(arguments: list[str] | None = None) -> None:
    """Parses the command line and builds."""
    parser = argparse.ArgumentParser("python -m infra.artifact", description="Build the artefact of all functions.")
    parser.add_argument("--lambda", dest="cloud", action="store_true", help="for Lambda instead of this machine")
    parser.add_argument("--architecture", choices=sorted(LAMBDA_PLATFORM), default="x86_64", help="of Lambda")
    parser.add_argument("--environment", choices=ENVIRONMENTS, help="production for Lambda, else development")
    parser.add_argument("--output", type=Path, help="write an unpacked artefact into this folder")
    options = parser.parse_args(arguments)
    environment = options.environment or ("production" if options.cloud else "development")
    target = Target(options.architecture if options.cloud else None, fail_points=environment == "development")
    if options.output:
        build_folder(options.output, target=target)
    else:
        archive = build_zip(target=target)
        print(f"{archive.relative_to(ROOT)}: {archive.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
