"""Keys in a file, for a machine of one's own: each line is one key, 32 bytes in base64.

The first line wraps new data keys; the others still unwrap what they have wrapped. A key is known by a part of its
hash.
"""

import base64
import binascii
import json
import os
from collections.abc import Mapping
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from shared.errors import KeyAway
from shared.vault import AWAY, Binding, DataKey, aes, log

PREFIX = "file:"


class FileKeys:
    """The keys of one file, which is read when the first of them is needed."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def has(self, key_id: str) -> bool:
        """As ``Keys`` says."""
        return key_id.startswith(PREFIX)

    def new(self, binding: Binding) -> DataKey:
        """As ``Keys`` says."""
        key_id, key = next(iter(self._keys.items()))
        plain = os.urandom(aes.KEY_BYTES)
        return DataKey(plain, aes.encrypt(key, plain, _label(key_id, binding)), key_id)

    def unwrap(self, key_id: str, wrapped: bytes, binding: Binding) -> bytes:
        """As ``Keys`` says."""
        key = self._keys.get(key_id)
        if key is None:
            log.error("the key %s is not in the file that CRONNY_KEY_FILE names", key_id)
            raise KeyAway(AWAY)
        return aes.decrypt(key, wrapped, _label(key_id, binding))

    @cached_property
    def _keys(self) -> Mapping[str, bytes]:
        """By their names, in the order of the file. Raises ``KeyAway``; then the next use reads the file again."""
        try:
            found = [base64.b64decode(line, validate=True) for line in self._path.read_text("ascii").split()]
        except (OSError, binascii.Error, UnicodeError) as error:
            log.error("the file that CRONNY_KEY_FILE names cannot be read: %s", type(error).__name__)
            raise KeyAway(AWAY) from error
        if not found or any(len(key) != aes.KEY_BYTES for key in found):
            log.error("the file that CRONNY_KEY_FILE names must have a key of %s bytes in each line", aes.KEY_BYTES)
            raise KeyAway(AWAY)
        return {PREFIX + sha256(key).hexdigest()[:16]: key for key in found}


def _label(key_id: str, binding: Binding) -> bytes:
    return json.dumps([key_id, sorted(binding.items())]).encode()
