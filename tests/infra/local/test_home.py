"""The local cloud's folder."""

import base64
from dataclasses import replace
from pathlib import Path

import pytest

from infra.local.home import Home, LocalCloudError, Session
from infra.local.ports import free_port

SESSION = Session(
    pid=1,
    url="http://127.0.0.1:1",
    port=1,
    endpoint="http://127.0.0.1:2",
    queue_url="http://127.0.0.1:2/queue",
    functions={"api": "cronny-api"},
    settings={"DB_HOST": "127.0.0.1"},
)


def test_two_local_clouds_do_not_share_a_folder(tmp_path: Path) -> None:
    with Home(tmp_path).alone(), pytest.raises(LocalCloudError, match="already running"), Home(tmp_path).alone():
        pass
    with Home(tmp_path).alone():
        pass


def test_a_secret_stays_the_same_and_is_for_its_owner_only(tmp_path: Path) -> None:
    first = Home(tmp_path).secret("jwt-secret")
    assert Home(tmp_path).secret("jwt-secret") == first
    assert len(first) >= 32
    assert (tmp_path / "jwt-secret").stat().st_mode & 0o777 == 0o600


def test_the_key_of_secrets_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    file = Home(tmp_path).key_file()
    first = file.read_text()
    assert Home(tmp_path).key_file().read_text() == first
    assert len(base64.b64decode(first)) == 32
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_running_session_is_found(tmp_path: Path, listening: int) -> None:
    home, session = Home(tmp_path), replace(SESSION, port=listening)
    home.announce(session)
    assert home.session() == session
    home.withdraw()
    assert home.session() is None


def test_what_a_killed_session_wrote_does_not_count(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.announce(replace(SESSION, port=free_port()))
    assert home.session() is None


def test_cronny_home_chooses_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRONNY_HOME", str(tmp_path / "new"))
    assert Home.of_environment().path == tmp_path / "new"
    assert (tmp_path / "new").is_dir()
