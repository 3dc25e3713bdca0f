"""All secrets move to another key, and their owners notice nothing."""

import base64
import os
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, text

from shared.errors import KeyAway
from shared.manage.draft import Draft
from shared.manage.secrets import create_secret
from shared.reseal import BATCH, BEFORE_ALL, reseal
from shared.secret import Sealed
from shared.services import Services
from shared.store.tables import secrets
from shared.vault import Vault
from shared.vault.file import FileKeys
from tests.world import new_user


def test_every_secret_is_sealed_under_the_new_key_and_the_old_one_may_go(
    services: Services, key_file: Path, tmp_path: Path
) -> None:
    users = [new_user(services, name) for name in ("ada", "bob")]
    for number in range(BATCH + 3):
        create_secret(services, users[number % 2], Draft({"name": f"S{number}", "value": f"value {number}"}))
    with services.database.begin() as connection:
        connection.execute(text("UPDATE secrets SET box = 'broken' WHERE name = 'S1'"))
        before = {row.id: row for row in connection.execute(select(secrets))}
    new = base64.b64encode(os.urandom(32)).decode()
    both, alone = tmp_path / "both", tmp_path / "alone"
    both.write_text(f"{new}\n{key_file.read_text()}")
    alone.write_text(new)
    rotated = replace(services, vault=Vault([FileKeys(str(both))]))
    first = reseal(rotated)
    assert (first.sealed, first.unreadable) == (BATCH - 1, 1)
    assert reseal(rotated, first.after or BEFORE_ALL).after is None
    vault = Vault([FileKeys(str(alone))])
    with services.database.begin() as connection:
        rows = list(connection.execute(select(secrets)))
    for row in rows:
        assert row.updated_at == before[row.id].updated_at
        if row.name != "S1":
            opened = vault.open(row.user_id, row.name, Sealed(row.key_id, row.wrapped_key, row.box))
            assert opened == f"value {row.name[1:]}"
    with pytest.raises(KeyAway):
        reseal(replace(services, vault=vault))
