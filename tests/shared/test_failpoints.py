"""Fail points: each is reached by the code, each fault does what it says, and none happens without being asked for."""

import ast
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from shared import failpoints
from shared.errors import Unavailable
from shared.failpoints import FAULTS, POINTS, Injected, arm, parse, reach
from shared.store.engine import Database

ROOT = Path(__file__).parents[2]
SOURCES = [path for top in ("functions", "shared") for path in sorted((ROOT / top).rglob("*.py"))]


@pytest.fixture(autouse=True)
def _disarm() -> Iterator[None]:
    yield
    arm({})


def guarded_calls(path: Path) -> Iterator[str]:
    """The points that a file reaches below ``if __debug__``; fails when one is reached without it."""
    tree = ast.parse(path.read_text())
    guarded = [node for node in ast.walk(tree) if isinstance(node, ast.If) and "__debug__" in ast.unparse(node.test)]
    below = {id(inner) for node in guarded for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "reach":
            assert id(node) in below, f"{path}:{node.lineno} is reached in production as well"
            point = node.args[0]
            assert isinstance(point, ast.Constant)
            yield str(point.value)


def test_every_point_is_reached_by_the_code_once_and_every_point_that_is_reached_is_listed() -> None:
    reached = Counter(point for path in SOURCES if path.stem != "failpoints" for point in guarded_calls(path))
    assert reached == Counter(POINTS)


def test_nothing_happens_without_being_asked_for() -> None:
    for point in POINTS:
        reach(point)


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        ("", {}),
        ("plan.locked=kill", {"plan.locked": "kill"}),
        (" plan.locked=raise*3 , send.sent=hang@2,", {"plan.locked": "raise*3", "send.sent": "hang@2"}),
    ],
)
def test_a_setting_is_read(raw: str, wanted: dict[str, str]) -> None:
    assert parse(raw) == wanted


@pytest.mark.parametrize("raw", ["nowhere=kill", "plan.locked", "plan.locked=explode", "plan.locked=kill*many"])
def test_what_is_unknown_is_named(raw: str) -> None:
    with pytest.raises(ValueError, match=r"nowhere|plan\.locked"):
        parse(raw)


def times(word: str) -> list[int]:
    """Which of ten times a point fails that is armed like this."""
    arm({"plan.locked": word})
    failed = []
    for time in range(1, 11):
        try:
            reach("plan.locked")
        except Injected:
            failed.append(time)
    return failed


def test_a_point_fails_once_or_as_often_as_it_is_asked_to_or_at_the_nth_time() -> None:
    assert times("raise") == [1]
    assert times("raise*3") == [1, 2, 3]
    assert times("raise@4") == [4]
    assert times("raise*2@4") == [4, 5]


def test_arming_replaces_what_was_armed() -> None:
    arm({"plan.locked": "raise"})
    arm({"plan.written": "raise"})
    reach("plan.locked")
    with pytest.raises(Injected):
        reach("plan.written")


def test_a_lost_answer_is_a_timeout_to_whoever_asked() -> None:
    arm({"send.sent": "lose_answer"})
    with pytest.raises(Unavailable):
        reach("send.sent")


def test_a_connection_that_is_cut_undoes_its_transaction_and_the_next_one_works(database: Database) -> None:
    arm({"plan.written": "disconnect"})
    with pytest.raises(Unavailable):
        make_a_table_and_fail(database)
    with database.begin() as connection:
        assert connection.execute(select(1)).scalar_one() == 1
        assert connection.exec_driver_sql("SELECT to_regclass('half')").scalar_one() is None


def make_a_table_and_fail(database: Database) -> None:
    with database.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE half (id int)")
        reach("plan.written", connection)


def test_where_no_transaction_is_open_there_is_nothing_to_cut() -> None:
    arm({"plan.committed": "disconnect"})
    reach("plan.committed")


def test_a_hang_lasts_longer_than_any_function(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("shared.failpoints.time.sleep", slept.append)
    arm({"run.started": "hang"})
    reach("run.started")
    assert slept == [failpoints.HANG_SECONDS]
    assert failpoints.HANG_SECONDS > 900  # Lambda's longest timeout


def test_a_kill_leaves_no_time_for_a_last_word() -> None:
    program = "from shared.failpoints import *; arm({'run.started': 'kill'}); reach('run.started'); print('alive')"
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=False, env=os.environ)
    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, b"")


def test_every_fault_is_told_in_the_operations_manual() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    assert {fault for fault in FAULTS if f"`{fault}`" not in text} == set()
