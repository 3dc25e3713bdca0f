"""The vault: secrets are sealed and opened here, under an envelope of two keys.

Each value has a data key of its own, which encrypts nothing else. That one is wrapped by a key that never leaves its
place: one of AWS KMS, or of a file on a machine of one's own. Data keys that were unwrapped are kept for some minutes,
so that KMS is not called for every fire, and no longer, so that taking the right to a key away takes effect.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Protocol

from shared.errors import KeyAway
from shared.secret import Sealed
from shared.user import UserId

log = logging.getLogger("cronny.vault")

KEPT_SECONDS = 300.0
MAX_KEPT = 1000

NOT_SET_UP = "Secrets are not set up here: the operator has to set CRONNY_KMS_KEY_ID (or CRONNY_KEY_FILE)."
AWAY = "The key of secrets is away; try again in a moment."

# What a data key is bound to, beside its value: it is unwrapped for the same only.
Binding = Mapping[str, str]


class Unreadable(Exception):  # noqa: N818 - reads as `raise Unreadable`
    """A box that was not sealed for this owner and name, or was changed since."""


@dataclass(frozen=True, slots=True, repr=False)
class DataKey:
    """A key of 32 bytes, and the same as ``key_id`` has wrapped it."""

    plain: bytes
    wrapped: bytes
    key_id: str


class Keys(Protocol):
    """Where the keys are that wrap data keys."""

    def has(self, key_id: str) -> bool:
        """Whether a key of that name would be here."""
        ...

    def new(self, binding: Binding) -> DataKey:
        """A fresh data key under the current key. Raises ``KeyAway``."""
        ...

    def unwrap(self, key_id: str, wrapped: bytes, binding: Binding) -> bytes:
        """The data key again. Raises ``KeyAway``, ``Unreadable``."""
        ...


@dataclass(slots=True)
class Vault:
    """Seals by the first of its ``keys``; opens by whichever has the key. Without any it says what is missing."""

    keys: Sequence[Keys] = ()
    now: Callable[[], float] = time.monotonic
    _kept: dict[bytes, tuple[bytes, float]] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def seal(self, user_id: UserId, name: str, value: str) -> Sealed:
        """The value, for this owner and name only. Raises ``KeyAway``."""
        from shared.vault import aes

        if not self.keys:
            raise KeyAway(NOT_SET_UP)
        key = self.keys[0].new(_binding(user_id))
        return Sealed(key.key_id, key.wrapped, aes.encrypt(key.plain, value.encode(), _label(user_id, name)))

    def open(self, user_id: UserId, name: str, sealed: Sealed) -> str:
        """The value again. Raises ``KeyAway``, and ``Unreadable`` for what was sealed for another owner or name."""
        from shared.vault import aes

        return aes.decrypt(self._data_key(user_id, sealed), sealed.box, _label(user_id, name)).decode()

    def _data_key(self, user_id: UserId, sealed: Sealed) -> bytes:
        with self._lock:
            plain, until = self._kept.get(sealed.wrapped_key, (b"", 0.0))
        if plain and self.now() < until:
            return plain
        # Without the lock: KMS may take a second, and others have keys of their own.
        plain = self._keys_of(sealed.key_id).unwrap(sealed.key_id, sealed.wrapped_key, _binding(user_id))
        self._keep(sealed.wrapped_key, plain)
        return plain

    def _keep(self, wrapped: bytes, plain: bytes) -> None:
        now = self.now()
        with self._lock:
            self._kept = {key: item for key, item in self._kept.items() if now < item[1]}
            if len(self._kept) >= MAX_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[wrapped] = plain, now + KEPT_SECONDS

    def _keys_of(self, key_id: str) -> Keys:
        found = next((keys for keys in self.keys if keys.has(key_id)), None)
        if found is None:
            log.error("a secret is sealed under the key %s, which this function does not have", key_id)
            raise KeyAway(AWAY if self.keys else NOT_SET_UP)
        return found


def _binding(user_id: UserId) -> Binding:
    return {"service": "cronny", "user": str(user_id)}


def _label(user_id: UserId, name: str) -> bytes:
    """What a box is authenticated with, so that no row can stand in for another. Names have no colons."""
    return f"cronny:secret:1:{user_id}:{name}".encode()
