"""What is sealed opens for its owner and its name, under a key that is there, and never otherwise."""

import base64
import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber
from moto import mock_aws

from shared.errors import KeyAway
from shared.secret import Sealed
from shared.user import UserId
from shared.vault import KEPT_SECONDS, MAX_KEPT, Keys, Unreadable, Vault
from shared.vault.file import FileKeys
from shared.vault.kms import KmsKeys

if TYPE_CHECKING:
    from mypy_boto3_kms.client import KMSClient

ADA, BOB = UserId(1), UserId(2)
VALUE = "correct horse ☂ battery"


class Counted:
    """Keys that count how often they are asked, and can be away."""

    def __init__(self, keys: Keys) -> None:
        self.keys, self.asked, self.away = keys, 0, False

    def has(self, key_id: str) -> bool:
        return self.keys.has(key_id)

    def new(self, binding: object) -> object:
        return self.keys.new(binding)  # type: ignore[arg-type]

    def unwrap(self, key_id: str, wrapped: bytes, binding: object) -> bytes:
        self.asked += 1
        if self.away:
            raise KeyAway("away: a test says so")
        return self.keys.unwrap(key_id, wrapped, binding)  # type: ignore[arg-type]


def new_key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


@pytest.fixture
def kms(monkeypatch: pytest.MonkeyPatch) -> Iterator["KMSClient"]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield boto3.client("kms", region_name="us-east-1")


@pytest.fixture(params=["file", "kms"])
def keys(request: pytest.FixtureRequest, key_file: Path) -> Keys:
    """Both places where keys can be."""
    if request.param == "file":
        return FileKeys(str(key_file))
    client = request.getfixturevalue("kms")
    return KmsKeys(client, client.create_key()["KeyMetadata"]["KeyId"])


def test_what_was_sealed_opens_and_shows_nothing_meanwhile(keys: Keys) -> None:
    vault = Vault([keys])
    sealed = vault.seal(ADA, "TOKEN", VALUE)
    assert vault.open(ADA, "TOKEN", sealed) == VALUE
    assert b"horse" not in sealed.box + sealed.wrapped_key
    again = vault.seal(ADA, "TOKEN", VALUE)
    assert (again.box, again.wrapped_key) != (sealed.box, sealed.wrapped_key)


def test_no_row_can_stand_in_for_another(keys: Keys) -> None:
    vault = Vault([keys])
    sealed, other = vault.seal(ADA, "TOKEN", VALUE), vault.seal(ADA, "OTHER", "something else")
    swapped: list[tuple[UserId, str, Sealed]] = [
        (BOB, "TOKEN", sealed),
        (ADA, "OTHER", sealed),
        (ADA, "TOKEN", replace(sealed, box=other.box)),
        (ADA, "TOKEN", replace(sealed, wrapped_key=other.wrapped_key)),
        (ADA, "TOKEN", replace(sealed, box=sealed.box[:-1] + bytes([sealed.box[-1] ^ 1]))),
        (ADA, "TOKEN", replace(sealed, box=b"")),
        (ADA, "TOKEN", replace(sealed, wrapped_key=b"\0" * 60)),
    ]
    for owner, name, box in swapped:
        # A vault of its own: no data key is known already.
        with pytest.raises(Unreadable):
            Vault([keys]).open(owner, name, box)
    # What is known already changes nothing.
    assert vault.open(ADA, "TOKEN", sealed) == VALUE
    with pytest.raises(Unreadable):
        vault.open(BOB, "TOKEN", sealed)


def test_a_key_is_asked_once_in_a_while_and_not_for_each_use(key_file: Path) -> None:
    keys, instant = Counted(FileKeys(str(key_file))), 0.0
    vault = Vault([keys], now=lambda: instant)  # type: ignore[list-item]
    sealed = vault.seal(ADA, "TOKEN", VALUE)
    assert [vault.open(ADA, "TOKEN", sealed) for _ in range(3)] == [VALUE] * 3
    assert keys.asked == 1
    keys.away = True
    instant = KEPT_SECONDS - 1
    assert vault.open(ADA, "TOKEN", sealed) == VALUE
    # Taking the right to the key away takes effect.
    instant = KEPT_SECONDS
    with pytest.raises(KeyAway):
        vault.open(ADA, "TOKEN", sealed)
    keys.away = False
    assert vault.open(ADA, "TOKEN", sealed) == VALUE


def test_no_more_than_so_many_data_keys_are_kept(key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.vault.MAX_KEPT", 3)
    assert MAX_KEPT == 1000
    keys = Counted(FileKeys(str(key_file)))
    vault = Vault([keys])  # type: ignore[list-item]
    sealed = [vault.seal(ADA, f"S{number}", f"value {number}") for number in range(5)]
    assert [vault.open(ADA, f"S{number}", each) for number, each in enumerate(sealed)]
    vault.open(ADA, "S4", sealed[4])
    assert keys.asked == 5
    vault.open(ADA, "S0", sealed[0])
    assert keys.asked == 6


def test_without_a_key_it_says_which_setting_is_missing() -> None:
    with pytest.raises(KeyAway, match="CRONNY_KMS_KEY_ID"):
        Vault().seal(ADA, "TOKEN", VALUE)
    with pytest.raises(KeyAway, match="CRONNY_KMS_KEY_ID"):
        Vault().open(ADA, "TOKEN", Sealed("file:1", b"x", b"x"))


def test_another_key_on_top_of_the_file_seals_from_then_on_and_the_old_one_still_opens(tmp_path: Path) -> None:
    file, old, new = tmp_path / "keys", new_key(), new_key()
    file.write_text(old + "\n")
    before = Vault([FileKeys(str(file))]).seal(ADA, "TOKEN", VALUE)
    file.write_text(f"{new}\n{old}\n")
    rotated = Vault([FileKeys(str(file))])
    assert rotated.open(ADA, "TOKEN", before) == VALUE
    after = rotated.seal(ADA, "TOKEN", VALUE)
    assert after.key_id != before.key_id
    file.write_text(new)
    assert Vault([FileKeys(str(file))]).open(ADA, "TOKEN", after) == VALUE
    with pytest.raises(KeyAway):
        Vault([FileKeys(str(file))]).open(ADA, "TOKEN", before)


@pytest.mark.parametrize("text", [None, "", "not base64!", base64.b64encode(b"too short").decode(), "\N{UMBRELLA}"])
def test_a_file_that_has_no_keys_is_away_until_it_has(
    tmp_path: Path, text: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "keys"
    if text is not None:
        file.write_text(text)
    vault = Vault([FileKeys(str(file))])
    with caplog.at_level(logging.ERROR), pytest.raises(KeyAway) as away:
        vault.seal(ADA, "TOKEN", VALUE)
    assert "CRONNY_KEY_FILE" in caplog.text
    assert str(tmp_path) not in str(away.value)
    file.write_text(new_key())
    assert vault.open(ADA, "TOKEN", vault.seal(ADA, "TOKEN", VALUE)) == VALUE


def test_secrets_move_from_the_file_to_kms_while_both_are_set(kms: "KMSClient", key_file: Path) -> None:
    old = Vault([FileKeys(str(key_file))]).seal(ADA, "TOKEN", VALUE)
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    both = Vault([KmsKeys(kms, arn), FileKeys(str(key_file))])
    assert both.open(ADA, "TOKEN", old) == VALUE
    assert both.seal(ADA, "TOKEN", VALUE).key_id == arn


def test_another_key_of_kms_seals_from_then_on_and_the_old_one_still_opens(kms: "KMSClient") -> None:
    first, second = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    sealed = Vault([KmsKeys(kms, first)]).seal(ADA, "TOKEN", VALUE)
    rotated = Vault([KmsKeys(kms, second)])
    assert rotated.open(ADA, "TOKEN", sealed) == VALUE
    assert rotated.seal(ADA, "TOKEN", VALUE).key_id == second


def test_kms_that_is_away_or_forbidden_is_told_to_the_operator_only(
    kms: "KMSClient", caplog: pytest.LogCaptureFixture
) -> None:
    key_id = kms.create_key()["KeyMetadata"]["KeyId"]
    sealed = Vault([KmsKeys(kms, key_id)]).seal(ADA, "TOKEN", VALUE)
    refusing = boto3.client(
        "kms",
        region_name="us-east-1",
        endpoint_url="http://127.0.0.1:1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"max_attempts": 0}),
    )
    with pytest.raises(KeyAway, match=r"^The key of secrets is away; try again in a moment\.$"):
        Vault([KmsKeys(refusing, key_id)]).open(ADA, "TOKEN", sealed)
    with pytest.raises(KeyAway, match=r"^The key of secrets is away; try again in a moment\.$"):
        Vault([KmsKeys(kms, "alias/nothing")]).seal(ADA, "TOKEN", VALUE)
    assert caplog.text.count("KMS did not answer") == 2
    assert "NotFoundException" in caplog.text


def test_a_right_that_was_taken_away_is_no_sign_of_tampering(kms: "KMSClient") -> None:
    key_id = kms.create_key()["KeyMetadata"]["KeyId"]
    sealed = Vault([KmsKeys(kms, key_id)]).seal(ADA, "TOKEN", VALUE)
    stub = Stubber(kms)
    stub.add_client_error("decrypt", "AccessDeniedException", "role executor may not kms:Decrypt")
    with stub, pytest.raises(KeyAway):
        Vault([KmsKeys(kms, key_id)]).open(ADA, "TOKEN", sealed)
