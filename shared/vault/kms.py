"""Keys of AWS KMS: they wrap and unwrap there, and cannot be taken out.

The binding is KMS's encryption context, so it stands in CloudTrail beside each use and policies can ask for it.
"""

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from shared.errors import KeyAway
from shared.vault import AWAY, Binding, DataKey, Unreadable, log

if TYPE_CHECKING:
    from mypy_boto3_kms.client import KMSClient

# What KMS says of a wrapped key that this key did not wrap, or not for this binding.
FOREIGN = ("InvalidCiphertextException", "IncorrectKeyException")


class KmsKeys:
    """``key_id`` is the id, ARN or alias of the key that wraps new data keys; rows name the ARN that KMS answers."""

    def __init__(self, client: "KMSClient", key_id: str) -> None:
        self._client = client
        self._key_id = key_id

    def has(self, key_id: str) -> bool:
        """As ``Keys`` says."""
        return key_id.startswith("arn:")

    def new(self, binding: Binding) -> DataKey:
        """As ``Keys`` says."""
        try:
            made = self._client.generate_data_key(KeyId=self._key_id, KeySpec="AES_256", EncryptionContext=binding)
        except (BotoCoreError, ClientError) as error:
            raise _away(error) from error
        return DataKey(made["Plaintext"], made["CiphertextBlob"], made["KeyId"])

    def unwrap(self, key_id: str, wrapped: bytes, binding: Binding) -> bytes:
        """As ``Keys`` says."""
        try:
            return self._client.decrypt(CiphertextBlob=wrapped, KeyId=key_id, EncryptionContext=binding)["Plaintext"]
        except (BotoCoreError, ClientError) as error:
            if isinstance(error, ClientError) and error.response["Error"]["Code"] in FOREIGN:
                raise Unreadable from error
            raise _away(error) from error


def _away(error: Exception) -> KeyAway:
    # KMS's own words name accounts and roles, which are the operator's to read.
    log.error("KMS did not answer: %s", error)
    return KeyAway(AWAY)
