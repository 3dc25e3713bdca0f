"""The embedded PostgreSQL server."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pg8000.native
import pytest

from infra.local.postgres import EmbeddedPostgres


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    EmbeddedPostgres(tmp_path, fsync=False).destroy()


def ask(settings: dict[str, str], statement: str) -> list[list[object]]:
    with pg8000.native.Connection(
        settings["DB_USER"],
        host=settings["DB_HOST"],
        port=int(settings["DB_PORT"]),
        password=settings["DB_PASSWORD"],
        database=settings["DB_NAME"],
        ssl_context=False,
    ) as connection:
        rows: list[list[object]] = connection.run(statement) or []
        return rows


def pid_of(home: Path) -> int:
    return int((home / "postgres" / "data" / "postmaster.pid").read_text().split()[0])


def test_data_survive_a_stop_and_the_port_stays_the_same(home: Path) -> None:
    server = EmbeddedPostgres(home, fsync=False)
    first = server.start()
    ask(first, "CREATE TABLE kept AS SELECT 42 AS answer")
    server.stop()
    assert not server.running()
    again = server.start()
    assert again == first
    assert ask(again, "SELECT answer FROM kept") == [[42]]


def test_a_killed_server_starts_again_with_everything_that_was_committed(home: Path) -> None:
    server = EmbeddedPostgres(home)
    ask(server.start(), "CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(pid_of(home), signal.SIGKILL)
    assert ask(server.start(), "SELECT answer FROM kept") == [[42]]


def test_a_server_that_was_left_running_is_taken_over(home: Path) -> None:
    first = EmbeddedPostgres(home, fsync=False).start()
    pid = pid_of(home)
    assert EmbeddedPostgres(home, fsync=False).start() == first
    assert pid_of(home) == pid


def test_a_pid_file_that_names_somebody_else_is_no_obstacle(home: Path) -> None:
    server = EmbeddedPostgres(home, fsync=False)
    server.start()
    left = (home / "postgres" / "data" / "postmaster.pid").read_text()
    server.stop()
    (home / "postgres" / "data" / "postmaster.pid").write_text(left.replace(left.split()[0], str(os.getpid()), 1))
    assert ask(server.start(), "SELECT 1") == [[1]]


def test_a_port_that_somebody_took_meanwhile_is_left_to_them(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.local.ports.PATIENCE_SECONDS", 0.0)
    server = EmbeddedPostgres(home, fsync=False)
    port = int(server.start()["DB_PORT"])
    server.stop()
    with socket.create_server(("127.0.0.1", port)):
        settings = server.start()
        assert int(settings["DB_PORT"]) != port
        assert ask(settings, "SELECT 1") == [[1]]


def test_a_wrong_password_is_refused(home: Path) -> None:
    settings = EmbeddedPostgres(home, fsync=False).start()
    with pytest.raises(pg8000.exceptions.DatabaseError):
        ask(settings | {"DB_PASSWORD": "guessed"}, "SELECT 1")


def test_commits_reach_the_disk_unless_a_test_wants_speed(home: Path) -> None:
    server = EmbeddedPostgres(home)
    assert ask(server.start(), "SHOW fsync") == [["on"]]
    server.stop()
    assert ask(EmbeddedPostgres(home, fsync=False).start(), "SHOW fsync") == [["off"]]


def test_a_home_that_nobody_else_may_enter_is_no_obstacle(home: Path) -> None:
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    server = EmbeddedPostgres(closed, fsync=False)
    try:
        assert ask(server.start(), "SELECT lower('ÄÖ')") == [["äö"]]
        files = (closed / "postgres").resolve()
    finally:
        server.destroy()
    assert not files.exists()
    assert list(closed.iterdir()) == []


def test_stopping_what_never_started_does_nothing(home: Path) -> None:
    EmbeddedPostgres(home).stop()
    assert list(home.iterdir()) == []
