"""The secrets of a pack: read sealed when it is claimed, opened one by one when a job that names them begins.

Reading is one statement a pack, and none when no job names a secret. Opening is left to the threads that walk: a key
that is away, or slow, holds up only those who need it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from shared import placeholders
from shared.action import ActionId, JobGraph
from shared.errors import Invalid
from shared.job import JobInputType, JsonValue
from shared.secret import Reveal, Sealed, reveal_nothing
from shared.services import Services
from shared.store import Connection, secrets
from shared.trigger import Claim
from shared.user import UserId
from shared.vault import Unreadable, Vault

Key = tuple[UserId, str]


@dataclass(frozen=True, slots=True)
class SealedSecrets:
    """Sealed values by owner and name, and the vault that opens them."""

    vault: Vault
    boxes: Mapping[Key, Sealed]

    def of(self, user_id: UserId) -> Reveal:
        """Opens what this user has of them."""
        return partial(self._open, user_id) if self.boxes else reveal_nothing

    def _open(self, user_id: UserId, names: Iterable[str]) -> dict[str, str]:
        """Raises ``KeyAway``, and ``Invalid`` for one that was tampered with."""
        boxes = {name: self.boxes[user_id, name] for name in names if (user_id, name) in self.boxes}
        return {name: self._opened(user_id, name, box) for name, box in boxes.items()}

    def _opened(self, user_id: UserId, name: str, box: Sealed) -> str:
        try:
            return self.vault.open(user_id, name, box)
        except Unreadable as error:
            raise Invalid.field(f"secrets.{name}", "it cannot be opened any more; store its value again") from error


def secrets_of(
    services: Services,
    connection: Connection,
    user_id: UserId,
    inputs: Iterable[tuple[JsonValue, JobInputType]],
    now: datetime,
) -> Reveal:
    """For a job that runs outside any trigger: opens the secrets that these inputs name."""
    wanted = {(user_id, name) for value, kind in inputs for _, name in placeholders.named(value, kind)}
    boxes = secrets.read_sealed(connection, wanted, now) if wanted else {}
    return SealedSecrets(services.vault, boxes).of(user_id)


def sealed_secrets(
    services: Services,
    connection: Connection,
    claims: Sequence[Claim],
    loaded: Mapping[ActionId, JobGraph | Exception],
    now: datetime,
) -> SealedSecrets:
    """Those that the jobs of these triggers name."""
    by_action = {action: _named(graph) for action, graph in loaded.items()}
    wanted = {(claim.user_id, name) for claim in claims for name in _of_action(claim, by_action) | _replaced(claim)}
    boxes = secrets.read_sealed(connection, wanted, now) if wanted else {}
    return SealedSecrets(services.vault, boxes)


def _named(graph: JobGraph | Exception) -> frozenset[str]:
    if isinstance(graph, Exception):
        return frozenset()
    inputs = ((job.job_input_value, job.job_input_type) for job in graph.jobs)
    return frozenset(name for value, kind in inputs for _, name in placeholders.named(value, kind))


def _of_action(claim: Claim, by_action: Mapping[ActionId, frozenset[str]]) -> frozenset[str]:
    return frozenset() if claim.action_id is None else by_action.get(claim.action_id, frozenset())


def _replaced(claim: Claim) -> frozenset[str]:
    """Those of inputs that a redrive replaced."""
    values = (claim.job_inputs or {}).values()
    return frozenset(name for value in values for _, name in placeholders.named(value, JobInputType.STATIC))
