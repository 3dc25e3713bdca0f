"""What verbs work with: handed in by the entry point, built by ``wiring``."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.clock import Clock
from shared.queue import DeadLetterQueue, TriggerQueue
from shared.runners import Runner
from shared.settings import Settings
from shared.store.engine import Database


@dataclass(frozen=True, slots=True)
class Services:
    """Everything outside a verb. ``instance`` names this process among its like; not everybody has ``dead_letters``."""

    settings: Settings
    database: Database
    queue: TriggerQueue
    runners: Mapping[str, Runner]
    clock: Clock
    instance: str
    dead_letters: DeadLetterQueue | None = None
