"""Deleting the local cloud's data."""

from pathlib import Path

import pytest

from infra.local.home import Home, LocalCloudError
from infra.local.postgres import EmbeddedPostgres
from infra.local.reset import reset


def test_everything_of_ours_is_deleted_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home(tmp_path)
    EmbeddedPostgres(tmp_path, fsync=False).start()
    home.secret("jwt-secret")
    (tmp_path / "diary.txt").write_text("mine")
    assert reset(home, ask=False) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"diary.txt", "lock"}
    assert "deleted" in capsys.readouterr().out


def test_nothing_is_deleted_without_a_yes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda _: "")
    secret = Home(tmp_path).secret("jwt-secret")
    assert reset(Home(tmp_path), ask=True) == 1
    assert Home(tmp_path).secret("jwt-secret") == secret


def test_a_running_local_cloud_keeps_its_data(tmp_path: Path) -> None:
    with Home(tmp_path).alone(), pytest.raises(LocalCloudError):
        reset(Home(tmp_path), ask=False)
