"""The caller's API keys, for programs that act in their name."""

import secrets
from collections.abc import Sequence
from datetime import datetime

from shared.errors import Fault, NotFound
from shared.identity import ApiKey, KeyId, digest, new_key_secret
from shared.manage import quotas
from shared.manage.draft import Draft
from shared.manage.expected import Expected
from shared.quotas import Kept
from shared.services import Services
from shared.store import Connection, api_keys
from shared.user import UserId

MISSING = "There is no such API key."
PAST = "must lie in the future"


def create_api_key(services: Services, user_id: UserId, draft: Draft) -> tuple[ApiKey, str]:
    """A new key, and its secret, which nobody sees again. Raises ``OverQuota``, ``Conflict`` for a taken name."""
    now = services.clock.real_now()
    draft.accept(_faults(draft, now))
    with services.database.begin() as connection:
        quotas.make_room(connection, user_id, Kept.KEYS)
        key = api_keys.create(connection, user_id, draft.fields, now)
        secret = new_key_secret(key.id, secrets.token_hex(24))
        api_keys.set_hash(connection, user_id, key.id, digest(secret))
    return key, secret


def list_api_keys(services: Services, user_id: UserId) -> Sequence[ApiKey]:
    """All of them, oldest first."""
    with services.database.begin() as connection:
        return api_keys.read_list(connection, user_id)


def get_api_key(services: Services, user_id: UserId, key_id: KeyId) -> ApiKey:
    """One key; raises ``NotFound``."""
    with services.database.begin() as connection:
        return _found(api_keys.find(connection, user_id, key_id))


def change_api_key(
    services: Services, user_id: UserId, key_id: KeyId, draft: Draft, expected: Expected[ApiKey] = None
) -> ApiKey:
    """Write its name, scopes or end. Raises ``NotFound``, ``Invalid``, ``Conflict``."""
    now = services.clock.real_now()
    with services.database.begin() as connection:
        current = _locked(connection, user_id, key_id, expected)
        draft.accept(_faults(draft, now))
        return _found(api_keys.change(connection, user_id, key_id, draft.fields)) if draft.fields else current


def delete_api_key(services: Services, user_id: UserId, key_id: KeyId, expected: Expected[ApiKey] = None) -> None:
    """From now on it opens nothing. Raises ``NotFound``."""
    with services.database.begin() as connection:
        _locked(connection, user_id, key_id, expected)
        api_keys.remove(connection, user_id, key_id)


def _locked(connection: Connection, user_id: UserId, key_id: KeyId, expected: Expected[ApiKey]) -> ApiKey:
    """The key, held, once it is what is expected."""
    key = _found(api_keys.lock(connection, user_id, key_id))
    if expected:
        expected(key)
    return key


def _found(key: ApiKey | None) -> ApiKey:
    if key is None:
        raise NotFound(MISSING)
    return key


def _faults(draft: Draft, now: datetime) -> list[Fault]:
    ends = draft.fields.get("expires_at")
    return [Fault("expires_at", PAST)] if ends is not None and ends <= now else []
