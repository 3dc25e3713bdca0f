"""The command that moves all secrets to the key of now."""

import base64
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest

from infra.local import environment
from infra.local.home import Home
from infra.local.reseal import reseal_all
from shared import wiring
from shared.manage.draft import Draft
from shared.manage.secrets import create_secret
from shared.services import Services
from shared.vault import Vault
from shared.vault.file import FileKeys
from tests.world import new_user


@pytest.fixture
def home(tmp_path: Path, services: Services, bare: pytest.MonkeyPatch) -> Iterator[Home]:
    """A folder, in an environment that names the test's database and is put back afterwards."""
    with patch.dict(os.environ):
        for name, value in environment.variables(services.settings).items():
            if name.startswith("DB_"):
                bare.setenv(name, value)
        yield Home(tmp_path)


def test_it_says_how_many_there_were_and_whether_the_old_key_may_go(
    home: Home, services: Services, bare: pytest.MonkeyPatch, key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    user = new_user(services)
    for number in range(25):
        create_secret(services, user, Draft({"name": f"S{number}", "value": f"value {number}"}))
    new = base64.b64encode(os.urandom(32)).decode()
    file = home.key_file()
    rotated = replace(services, vault=Vault([FileKeys(str(file))]))
    bare.setattr(wiring, "services", lambda: rotated)
    file.write_text(new)
    assert reseal_all(home) == 1
    assert "0 secrets are sealed anew, then: The key of secrets is away" in capsys.readouterr().out
    file.write_text(f"{new}\n{key_file.read_text()}")
    rotated = replace(services, vault=Vault([FileKeys(str(file))]))
    assert reseal_all(home) == 0
    assert "25 secrets are sealed anew, 0 cannot be opened." in capsys.readouterr().out
