"""The artefact of all functions."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from infra.artifact import (
    ROOT,
    SOURCES,
    Target,
    build_folder,
    build_linked_zip,
    build_zip,
    main,
    requirements,
)
from infra.fail_points import without_fail_points
from shared.failpoints import POINTS

HANDLERS = ("api", "creator", "executor", "cleaner", "migrate")


@pytest.fixture(scope="module")
def artifact() -> Path:
    """Built in the checkout, so that its layer of requirements is shared by all test runs."""
    return build_zip(ROOT)


@pytest.fixture(scope="module")
def unpacked(artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(artifact) as archive:
        archive.extractall(folder)
    return folder


def test_the_artefact_has_our_sources_and_no_tests_or_tools(unpacked: Path) -> None:
    ours = {path.name for path in unpacked.iterdir()} & {path.name for path in ROOT.iterdir()} - {"__pycache__"}
    assert ours == {source.partition("/")[0] for source in SOURCES if (ROOT / source).exists()}
    assert [path.name for path in (unpacked / "infra").iterdir() if path.name != "__pycache__"] == ["migrations"]


def test_the_artefact_leaves_out_what_the_runtime_has_and_what_only_tools_need(unpacked: Path) -> None:
    names = {path.name for path in unpacked.iterdir()}
    assert not names & {"boto3", "botocore", "pip", "setuptools", "click", "inquirer", "yaml", "pytest", "bin"}
    assert {path.name for path in (unpacked / "chalice").iterdir()} == {
        "__init__.py",
        "app.py",
        "py.typed",
        "__pycache__",
    }


def test_the_emulators_artefact_finds_the_requirements_where_they_lie(tmp_path: Path) -> None:
    with zipfile.ZipFile(build_linked_zip(ROOT)) as archive:
        archive.extractall(tmp_path)
    ours = {source.partition("/")[0] for source in SOURCES}
    assert {path.name for path in tmp_path.iterdir()} <= ours | {"__pycache__"}
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import functions, chalice; print(chalice.__file__)"
    found = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True).stdout
    assert Path(found).is_relative_to(ROOT / "build")


def test_the_artefact_stays_small(unpacked: Path) -> None:
    """Lambda allows 250 MB; each cold start unpacks and reads it all the same."""
    assert sum(path.stat().st_size for path in unpacked.rglob("*") if path.is_file()) < 70_000_000


@pytest.mark.parametrize("name", HANDLERS)
def test_every_handler_imports_with_nothing_but_the_artefact_and_boto3(
    unpacked: Path, name: str, tmp_path: Path
) -> None:
    for package in ("boto3", "botocore", "s3transfer"):
        (tmp_path / package).symlink_to(
            next(Path(path) / package for path in sys.path if (Path(path) / package).is_dir())
        )
    program = f"import functions.{name}; assert functions.{name}.handler"
    # -S keeps this environment's packages away; six and dateutil must come out of the artefact.
    imported = subprocess.run(
        [sys.executable, "-S", "-c", program],
        cwd=unpacked,
        env={"PATH": os.defpath, "PYTHONPATH": f"{unpacked}{os.pathsep}{tmp_path}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (imported.returncode, imported.stderr) == (0, "")


def test_byte_code_is_not_compared_with_its_source(unpacked: Path) -> None:
    files = list((unpacked / "shared").rglob("*.pyc"))
    assert files
    # PEP 552: the flags after the magic number; 1 is a hash that is not checked.
    assert {int.from_bytes(file.read_bytes()[4:8], "little") for file in files} == {1}


def test_the_same_sources_give_the_same_bytes(artifact: Path) -> None:
    before = artifact.read_bytes()
    assert build_zip(ROOT).read_bytes() == before


def test_requirements_keep_their_hashes() -> None:
    lock = "# head\nboto3==1 \\\n    --hash=sha256:aa\n    # via x\npg8000==2 \\\n    --hash=sha256:bb\n    # via y\n"
    assert requirements(lock) == "pg8000==2 \\\n    --hash=sha256:bb\n    # via y\n"


def test_lambda_gets_wheels_of_its_own_architecture_and_no_byte_code_of_another_python() -> None:
    assert "manylinux2014_aarch64" in Target("arm64").pip
    assert Target("arm64").byte_code is (sys.version_info[:2] == (3, 13))


def test_a_build_that_was_killed_halfway_is_not_taken_for_a_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copyfile(ROOT / "requirements.txt", tmp_path / "requirements.txt")
    installed: list[Path] = []

    def install(_wanted: str, layer: Path, _target: Target) -> None:
        (layer / "module.py").write_text("")
        installed.append(layer)
        if len(installed) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr("infra.artifact._install", install)
    with pytest.raises(KeyboardInterrupt):
        build_zip(tmp_path)
    with zipfile.ZipFile(build_zip(tmp_path)) as archive:
        assert "module.py" in archive.namelist()
    assert len(installed) == 2


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An unpacked artefact as staging and production get it, but with byte code of this interpreter."""
    folder = tmp_path_factory.mktemp("bare")
    build_folder(folder, target=Target(fail_points=False))
    return folder


def reached(folder: Path) -> set[str]:
    """The fail points that a byte code of ours reaches or a source of ours names."""
    files = [path for top in ("shared", "functions") for path in (folder / top).rglob("*.py*")]
    texts = [path.read_bytes() for path in files if not path.name.startswith("failpoints.")]
    return {point for point in POINTS if any(point.encode() in text for text in texts)}


def test_an_artefact_for_development_has_every_fail_point_and_one_for_production_none(
    unpacked: Path, bare: Path
) -> None:
    assert reached(unpacked) == set(POINTS)
    assert reached(bare) == set()


def test_an_artefact_for_lambda_has_no_fail_points_unless_it_is_for_development(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[Target] = []
    monkeypatch.setattr("infra.artifact.build_folder", lambda _output, target: asked.append(target))
    for environment in ([], ["--environment", "staging"], ["--environment", "development"]):
        main(["--lambda", "--output", str(tmp_path), *environment])
    assert [target.fail_points for target in asked] == [False, False, True]


def test_what_only_fails_on_purpose_leaves_every_other_line_where_it_was() -> None:
    source = 'def f():\n    if __debug__ and rows:\n        reach("plan.locked")\n    return 1\n'
    assert without_fail_points(source) == "def f():\n    pass\n\n    return 1\n"
    with pytest.raises(AssertionError, match="has no else"):
        without_fail_points("if __debug__:\n    a()\nelse:\n    b()\n")
