"""Secrets: values that jobs name and nobody reads. What is stored of one is sealed; see ``shared.vault``."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NewType

from shared.user import UserId

SecretId = NewType("SecretId", int)

# Fit to stand in a template, as in {{ secrets.NAME }}.
NAME_PATTERN = r"[A-Za-z_][A-Za-z0-9_]{0,99}"
NAME = re.compile(NAME_PATTERN)
# Shorter ones could not be told from ordinary text where they have to be redacted.
MIN_CHARACTERS = 4
MAX_BYTES = 8 * 1024

# The values of the secrets with these names, of those that exist. Raises ``Invalid``, ``KeyAway``.
Reveal = Callable[[Iterable[str]], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret as its owner sees it: without its value. ``last_used_at`` is exact to the minute."""

    id: SecretId
    user_id: UserId
    name: str
    description: str | None
    created_at: datetime
    updated_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Sealed:
    """A value that only the key opens: ``key_id`` says which, ``wrapped_key`` is the data key as that key gave it.

    ``box`` is the nonce (12 bytes) and what AES-GCM made of the value and its owner and name.
    """

    key_id: str
    wrapped_key: bytes
    box: bytes


def reveal_nothing(_names: Iterable[str]) -> Mapping[str, str]:
    """For whoever has no secrets."""
    return {}
