"""What a process is given by its environment."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from shared import wiring
from shared.errors import KeyAway
from shared.settings import Settings
from shared.user import UserId

ADA = UserId(1)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def bare(server: Settings, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment with nothing but a database, which nobody asks, and a queue."""
    given = {"DB_HOST": server.db_host, "DB_USER": "u", "DB_PASSWORD": "p", "DB_NAME": "n"}
    for name, value in (given | {"CRONNY_QUEUE_URL": "http://127.0.0.1:1/queue"}).items():
        monkeypatch.setenv(name, value)
    for name in ("CRONNY_KMS_KEY_ID", "CRONNY_KEY_FILE", "CRONNY_ENV"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(wiring, "services", wiring.services.__wrapped__)
    return monkeypatch


def test_a_key_file_is_enough_for_secrets(bare: pytest.MonkeyPatch, key_file: Path) -> None:
    bare.setenv("CRONNY_KEY_FILE", str(key_file))
    vault = wiring.services().vault
    assert vault.open(ADA, "TOKEN", vault.seal(ADA, "TOKEN", "opensesame")) == "opensesame"


def test_kms_seals_when_it_is_set_and_the_file_still_opens(bare: pytest.MonkeyPatch, key_file: Path) -> None:
    bare.setenv("CRONNY_KEY_FILE", str(key_file))
    sealed = wiring.services().vault.seal(ADA, "TOKEN", "opensesame")
    bare.setenv("CRONNY_KMS_KEY_ID", "alias/cronny")
    # Nobody answers there, so it must have been asked.
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        bare.setenv(name, value)
    vault = wiring.services().vault
    with pytest.raises(KeyAway):
        vault.seal(ADA, "TOKEN", "opensesame")
    assert vault.open(ADA, "TOKEN", sealed) == "opensesame"
    with pytest.raises(KeyAway):
        wiring.services().vault.open(ADA, "TOKEN", replace(sealed, key_id="arn:aws:kms:us-east-1:1:key/x"))


def test_without_a_key_everything_starts_and_secrets_say_what_is_missing(bare: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyAway, match="CRONNY_KMS_KEY_ID"):
        wiring.services().vault.seal(ADA, "TOKEN", "opensesame")


def test_functions_that_open_no_secret_do_not_load_what_it_takes() -> None:
    program = (
        "import sys, functions.creator, functions.executor, functions.cleaner; print('cryptography' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"
