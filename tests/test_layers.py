"""Who may import whom, who may read time and environment, and how large a module may grow: read from the source."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PRODUCT = [path for top in ("chalicelib", "functions", "shared") for path in sorted((ROOT / top).rglob("*.py"))] + [
    ROOT / "app.py"
]
OURS = PRODUCT + sorted((ROOT / "infra").rglob("*.py"))
MAX_LINES = 250


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def nodes(path: Path) -> list[ast.AST]:
    """The syntax tree of a file, flat."""
    return list(ast.walk(ast.parse(path.read_text())))


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in the file."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def importers(package: str) -> set[str]:
    """Product files that import a package at any depth."""
    return {
        name(path)
        for path in PRODUCT
        if any(module == package or module.startswith(package + ".") for module in imports(path))
    }


def calls(path: Path) -> Iterator[str]:
    """Dotted names of everything a file calls."""
    for node in nodes(path):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


@pytest.mark.parametrize("package", ["chalice", "chalicelib", "functions", "infra", "pydantic"])
def test_the_domain_knows_nothing_of_its_entry_points(package: str) -> None:
    assert not {path for path in importers(package) if path.startswith("shared/")}


@pytest.mark.parametrize(
    ("package", "home"),
    [
        ("sqlalchemy", "shared/store/"),
        ("pg8000", "shared/store/"),
        ("croniter", "shared/cron/"),
        ("boto3", "shared/wiring.py"),
        ("chalice", "chalicelib/"),
        ("pydantic", "chalicelib/"),
        ("prometheus_client", "chalicelib/wire/metrics.py"),
        ("urllib3", "shared/runners/"),
        ("cryptography", "shared/vault/aes.py"),
    ],
)
def test_each_library_has_one_home(package: str, home: str) -> None:
    allowed = {"app.py"} if package == "chalice" else set()
    assert {path for path in importers(package) if not path.startswith(home)} <= allowed


def test_pure_modules_and_nouns_import_no_services() -> None:
    pure = {"cron", "timetable", "templating", "conditions", "inputs", "graph", "packs", "clock", "errors", "settings"}
    pure |= {"calendars", "exclusions", "icalendar", "intervals", "jitter", "occurrences", "recurrence", "shifts"}
    pure |= {"attempt", "catch_up", "explain", "failure", "overlap", "plain_text", "preview", "retry", "shares"}
    pure |= {"timing_faults", "quotas", "feed", "rates", "guessing", "placeholders", "redaction", "secret", "tracing"}
    pure |= {"content_lines"}
    nouns = {"user", "action", "job", "outcome", "schedule", "trigger"}
    for path in (ROOT / "shared").glob("*.py"):
        if path.stem in pure | nouns:
            outer = [module for module in imports(path) if module.startswith(("shared.store", "shared.wiring"))]
            assert not outer, f"{name(path)} imports {outer}"


def test_store_queue_and_runners_do_not_call_verbs() -> None:
    verbs = {
        f"shared.{verb}" for verb in ("plan", "dispatch", "execute", "recover", "clean", "create", "manage", "wiring")
    }
    for path in PRODUCT:
        if name(path).startswith(("shared/store/", "shared/queue/", "shared/runners/")):
            upward = verbs & set(imports(path))
            assert not upward, f"{name(path)} imports {upward}"


def test_only_settings_and_wiring_touch_the_environment() -> None:
    readers = {name(path) for path in PRODUCT if "os.environ" in path.read_text() or "getenv" in path.read_text()}
    assert readers <= {"shared/wiring.py", "shared/settings.py"}


def test_time_is_an_argument() -> None:
    forbidden = {"datetime.now", "datetime.utcnow", "datetime.datetime.now", "date.today", "time.time"}
    for path in PRODUCT:
        assert not forbidden & set(calls(path)), name(path)


def test_no_statement_about_timetables_reads_the_time_by_itself() -> None:
    """A virtual clock must be able to tell it another one. What no timetable reads says when it was really written."""
    forbidden = {"func.now", "func.clock_timestamp", "func.statement_timestamp", "func.current_timestamp"}
    readers = {name(path) for path in PRODUCT if forbidden & set(calls(path))}
    sources = {"shared/store/engine.py", "shared/store/virtual_clock.py"}
    defaults = {"shared/store/tables/columns.py"}
    bystanders = {f"shared/store/{noun}.py" for noun in ("users", "actions", "jobs", "job_templates", "calendars")}
    assert readers == sources | defaults | bystanders


def test_verbs_do_not_sleep() -> None:
    sleepers = {name(path) for path in PRODUCT if "time.sleep" in set(calls(path))}
    assert sleepers <= {"shared/clock.py", "shared/failpoints.py"}


@pytest.mark.parametrize("path", OURS, ids=name)
def test_no_module_outgrows_its_subject(path: Path) -> None:
    if "migrations/versions" not in name(path):
        assert len(path.read_text().splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", sorted((ROOT / "functions").glob("*.py")), ids=name)
def test_entry_points_stay_thin(path: Path) -> None:
    tree = ast.parse(path.read_text())
    code = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "handler"]
    assert all((node.end_lineno or 0) - node.lineno < 40 for node in code)


@pytest.mark.parametrize("path", PRODUCT, ids=name)
def test_nobody_asks_for_the_time_within_a_transaction(path: Path) -> None:
    """The database is asked, over a connection of its own, and a function has but one."""
    for node in nodes(path):
        if isinstance(node, ast.With) and any(".begin()" in ast.unparse(item) for item in node.items):
            asked = [call for inner in node.body for call in ast.walk(inner) if isinstance(call, ast.Call)]
            of_the_database = ("services.clock.now", "services.clock.real_now")
            assert not [ast.unparse(call) for call in asked if ast.unparse(call.func) in of_the_database]
