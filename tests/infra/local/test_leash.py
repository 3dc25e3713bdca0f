"""Programs that must not outlive whoever started them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local import leash
from infra.local.processes import command

# Starts a child of its own, writes both pids, and ignores the polite request to stop.
STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[1] + ".new", "w").write(f"{os.getpid()} {child.pid}")
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(600)
"""


def until(condition: object, seconds: float = 20.0) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def leashed(tmp_path: Path) -> Iterator[tuple["subprocess.Popen[bytes]", list[int]]]:
    pids = tmp_path / "pids"
    with subprocess.Popen(
        [sys.executable, "-I", leash.__file__, sys.executable, "-c", STUBBORN, str(pids)],
        stdin=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        until(pids.exists)
        yield process, [int(pid) for pid in pids.read_text().split()]
        process.kill()


def gone(pids: list[int]) -> bool:
    return not any(command(pid) for pid in pids)


def test_the_program_and_its_children_end_when_our_input_ends(
    leashed: tuple["subprocess.Popen[bytes]", list[int]],
) -> None:
    process, pids = leashed
    assert not gone(pids)
    assert process.stdin
    process.stdin.close()
    process.wait(20)
    until(lambda: gone(pids))


def test_a_signal_for_our_process_group_does_not_reach_the_program(
    leashed: tuple["subprocess.Popen[bytes]", list[int]],
) -> None:
    process, pids = leashed
    os.killpg(process.pid, signal.SIGINT)
    os.killpg(process.pid, signal.SIGTERM)
    assert not gone(pids)
    assert process.poll() is None


def test_children_are_killed_when_the_program_itself_dies(
    leashed: tuple["subprocess.Popen[bytes]", list[int]],
) -> None:
    process, pids = leashed
    os.kill(pids[0], signal.SIGKILL)
    process.wait(20)
    until(lambda: gone(pids))
