"""What verbs work with: handed in by the entry point, built by ``wiring``."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from shared.clock import Clock
from shared.queue import DeadLetterQueue, TriggerQueue
from shared.runners import Runner
from shared.runners.http_client import HttpClient, guarded_client
from shared.settings import Settings
from shared.store import Connection
from shared.store.engine import Database, Joined
from shared.user import UserId
from shared.vault import Vault


@dataclass(frozen=True, slots=True)
class Services:
    """Everything outside a verb. ``instance`` names this process among its like; not everybody has ``dead_letters``.

    ``web`` is the guarded client, for what Cronny asks by itself.
    """

    settings: Settings
    database: Database
    queue: TriggerQueue
    runners: Mapping[str, Runner]
    clock: Clock
    instance: str
    dead_letters: DeadLetterQueue | None = None
    vault: Vault = field(default_factory=Vault)
    web: HttpClient = field(default_factory=lambda: guarded_client(()))

    def of(self, user_id: UserId) -> "Services":
        """The same for verbs on behalf of a user, who sees nobody else's rows."""
        return replace(self, database=self.database.of(user_id))

    def within(self, connection: Connection, clock: Clock) -> "Services":
        """The same for verbs that shall work inside this transaction; ``clock`` must not need the database."""
        return replace(self, database=Joined(connection), clock=clock)
