"""Reseal: every secret under the key of now, so that an old one can be taken away."""

import logging
from dataclasses import dataclass

from shared.secret import SecretId
from shared.services import Services
from shared.store import secrets
from shared.vault import Unreadable

log = logging.getLogger("cronny.reseal")

# Each is two calls of KMS within the transaction.
BATCH = 20
BEFORE_ALL = SecretId(0)


@dataclass(frozen=True, slots=True)
class Resealed:
    """What one batch did: sealed anew, could not be opened, and where the next one goes on (None: that was all)."""

    sealed: int
    unreadable: int
    after: SecretId | None


def reseal(services: Services, after: SecretId = BEFORE_ALL) -> Resealed:
    """One batch of all users' secrets, by id; nobody else sees a difference.

    One transaction. A crash leaves a part under the new key and the rest under the old one, and both open: begin again.
    Raises ``KeyAway``.
    """
    sealed = unreadable = 0
    with services.database.begin() as connection:
        batch = secrets.lock_batch(connection, after, BATCH)
        for secret, box in batch:
            try:
                value = services.vault.open(secret.user_id, secret.name, box)
            except Unreadable:
                log.error("secret %s of user %s cannot be opened", secret.id, secret.user_id)  # noqa: TRY400
                unreadable += 1
                continue
            secrets.put_box(connection, secret.id, services.vault.seal(secret.user_id, secret.name, value))
            sealed += 1
    return Resealed(sealed, unreadable, batch[-1][0].id if len(batch) == BATCH else None)
