"""AES-256-GCM (NIST SP 800-38D): whatever was changed, or belongs to another label, does not open."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.vault import Unreadable

KEY_BYTES = 32
NONCE_BYTES = 12


def encrypt(key: bytes, plain: bytes, label: bytes) -> bytes:
    """Nonce and ciphertext. The nonce is random: one key may seal 2**32 things (SP 800-38D, 8.3)."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, label)


def decrypt(key: bytes, box: bytes, label: bytes) -> bytes:
    """What ``encrypt`` was given. Raises ``Unreadable``."""
    try:
        return AESGCM(key).decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], label)
    except (InvalidTag, ValueError) as error:
        raise Unreadable from error
