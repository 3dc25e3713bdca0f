"""The AWS emulator as a child process."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.aws import Aws
from infra.local.emulator import Emulator
from infra.local.home import LocalCloudError
from infra.local.ports import answers
from infra.local.processes import command


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    emulator = Emulator(tmp_path)
    yield emulator
    emulator.stop()


def pid_of(home: Path) -> int:
    (file,) = (home / "emulator" / "tmp").glob("ministack-*.pid")
    return int(file.read_text())


def port_of(endpoint: str) -> int:
    return int(endpoint.rpartition(":")[2])


def test_it_answers_on_loopback_until_it_is_stopped(emulator: Emulator, tmp_path: Path) -> None:
    endpoint = emulator.start()
    assert endpoint.startswith("http://127.0.0.1:")
    assert Aws(endpoint).sqs.create_queue(QueueName="some")["QueueUrl"].endswith("/some")
    pid = pid_of(tmp_path)
    assert "ministack" in command(pid)
    emulator.stop()
    assert command(pid) == ""
    assert not answers(port_of(endpoint))
    assert list((tmp_path / "emulator" / "tmp").iterdir()) == []


def test_its_death_is_noticed_and_the_next_start_keeps_the_port(emulator: Emulator, tmp_path: Path) -> None:
    first = emulator.start()
    os.kill(pid_of(tmp_path), signal.SIGKILL)
    assert emulator.wait(20)
    assert not emulator.alive()
    assert emulator.start() == first
    assert emulator.alive()


def test_what_a_killed_session_left_running_is_killed(emulator: Emulator, tmp_path: Path) -> None:
    left_running = Emulator(tmp_path)
    left_running.start()
    left = pid_of(tmp_path)
    emulator.start()
    assert command(left) == ""
    assert pid_of(tmp_path) != left
    assert left_running.wait(20)


def test_our_own_settings_do_not_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from infra.local.emulator import _environment

    for name in ("AWS_PROFILE", "DB_HOST", "JWT_SECRET", "PYTHONPATH", "CRONNY_ENV"):
        monkeypatch.setenv(name, "mine")
    environment = _environment(1234, Path("scratch"))
    assert "mine" not in environment.values()
    assert environment["BIND_HOST"] == "127.0.0.1"


def test_a_missing_installation_is_an_error_that_says_what_to_do(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRONNY_EMULATOR_VENV", str(tmp_path / "nowhere"))
    with pytest.raises(LocalCloudError, match="make install"):
        emulator.start()
