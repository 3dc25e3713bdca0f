"""What the documents show is true: commands exist, settings are listed, links lead somewhere."""

import re
from pathlib import Path

import pytest
from sqlalchemy import Connection

from shared.settings import NAMES

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_make_command_that_is_shown_exists(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = set(re.findall(r"(?:`|^)make ([a-z][a-z-]*)", path.read_text(), re.MULTILINE))
    assert shown <= targets


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_module_that_is_run_exists(path: Path) -> None:
    for module in re.findall(r"python -m ([a-z_.]+)", path.read_text()):
        place = ROOT / module.replace(".", "/")
        assert place.with_suffix(".py").exists() or (place / "__main__.py").exists(), module


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_link_leads_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\((?!http)([^)#]+)", path.read_text()):
        assert (path.parent / link).exists(), link


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_file_that_is_named_exists(path: Path) -> None:
    tops = "shared|chalicelib|functions|infra|tests|examples|benchmarks"
    for file in re.findall(rf"`((?:{tops})/[\w/.-]+\.(?:py|sh|json|md))`", path.read_text()):
        assert (ROOT / file).exists(), file


def test_the_readme_lists_every_setting() -> None:
    text = (ROOT / "README.md").read_text()
    assert {setting for setting in NAMES if f"`{setting}`" not in text} == set()


def test_every_decision_is_in_the_list() -> None:
    text = (ROOT / "docs/decisions/README.md").read_text()
    pages = {path.name for path in (ROOT / "docs/decisions").glob("*.md")} - {"README.md"}
    assert {page for page in pages if f"({page})" not in text} == set()


def test_every_direct_requirement_has_its_reason() -> None:
    text = (ROOT / "docs/decisions/dependencies.md").read_text()
    for lock in ("requirements.in", "requirements-dev.in", "infra/emulator-requirements.in"):
        names = re.findall(r"^([A-Za-z][\w-]*)", (ROOT / lock).read_text(), re.MULTILINE)
        unexplained = {each for each in names if not re.search(rf"\b{re.escape(each)}\b", text)}
        assert unexplained <= {"boto3-stubs", "types-croniter", "types-jmespath", "types-jsonschema", "types-PyYAML"}


def test_every_statement_that_operations_show_runs(connection: Connection) -> None:
    text = (ROOT / "docs/operations.md").read_text()
    statements = [
        each for block in re.findall(r"```sql\n(.*?)```", text, re.DOTALL) for each in block.split(";\n") if each
    ]
    assert len(statements) > 10
    for statement in statements:
        connection.exec_driver_sql(statement.replace("%", "%%"))
