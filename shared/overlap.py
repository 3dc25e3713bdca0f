"""Overlap: what becomes of an occurrence while other runs of its schedule have not ended. Pure.

A relative schedule never overlaps with itself, and a run that was asked for by hand always goes.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto

from shared.schedule import Overlap
from shared.trigger import TriggerId, TriggerKind

# So many occurrences of a schedule with ``buffer_all`` wait at most; what comes then is skipped.
MAX_WAITING = 100
# Whatever waits is woken by the end of the run it waits for; this is how often it is looked at should that be missed.
LOOK_AGAIN = timedelta(seconds=30)

RUNNING = "Overlap: the run of {} had not ended."
ONE_WAITS = "Overlap: the run of {} had not ended, and another occurrence waited for it already."
MANY_WAIT = f"Overlap: the run of {{}} had not ended, and {MAX_WAITING} occurrences waited for it already."
WAITS = "It waits until the run of {} has ended."
WAITS_IN_LINE = "It waits until an earlier occurrence that waits has run."
REPLACED = "the run of {} took its place"


class Verdict(Enum):
    """What may become of an occurrence. REPLACE: it goes, and what is under way is cancelled."""

    GO = auto()
    REPLACE = auto()
    HOLD = auto()
    SKIP = auto()


@dataclass(slots=True)
class UnderWay:
    """What a schedule has under way: active runs with their due times, and who waits, in the order in which they go.

    Planned occurrences (the first ``planned`` of those that wait) go before backfills.
    """

    active: dict[TriggerId, datetime] = field(default_factory=dict)
    waiting: list[TriggerId] = field(default_factory=list)
    planned: int = 0

    def decide(self, trigger_id: TriggerId, kind: TriggerKind, policy: Overlap) -> tuple[Verdict, str]:
        """The verdict on an occurrence that is due and its reason; ``go`` and ``wait`` say that it was heeded."""
        if kind is TriggerKind.MANUAL or policy is Overlap.ALLOW:
            return Verdict.GO, ""
        before = [due_at for other, due_at in self.active.items() if other != trigger_id]
        if kind is TriggerKind.PLANNED and policy is Overlap.CANCEL_RUNNING:
            return (Verdict.REPLACE if before else Verdict.GO), ""
        if before:
            return self._busy(trigger_id, kind, policy, f"{min(before):%Y-%m-%dT%H:%M:%SZ}")
        return (Verdict.GO, "") if self._is_next(trigger_id, kind) else (Verdict.HOLD, WAITS_IN_LINE)

    def go(self, trigger_id: TriggerId, due_at: datetime) -> None:
        """The occurrence is under way."""
        self._leave(trigger_id)
        self.active[trigger_id] = due_at

    def skip(self, trigger_id: TriggerId) -> None:
        """The occurrence will not run."""
        self._leave(trigger_id)

    def wait(self, trigger_id: TriggerId, kind: TriggerKind) -> None:
        """The occurrence waits, where it is or at the end of its kind."""
        if trigger_id not in self.waiting:
            planned = kind is TriggerKind.PLANNED
            self.waiting.insert(self.planned if planned else len(self.waiting), trigger_id)
            self.planned += planned

    def _busy(self, trigger_id: TriggerId, kind: TriggerKind, policy: Overlap, run: str) -> tuple[Verdict, str]:
        if kind is TriggerKind.BACKFILL:
            return Verdict.HOLD, WAITS.format(run)
        if policy is Overlap.SKIP:
            return Verdict.SKIP, RUNNING.format(run)
        if trigger_id not in self.waiting and policy is Overlap.BUFFER_ONE and self.planned >= 1:
            return Verdict.SKIP, ONE_WAITS.format(run)
        if trigger_id not in self.waiting and self.planned >= MAX_WAITING:
            return Verdict.SKIP, MANY_WAIT.format(run)
        return Verdict.HOLD, WAITS.format(run)

    def _is_next(self, trigger_id: TriggerId, kind: TriggerKind) -> bool:
        """Whether nobody who waits goes before it."""
        ahead = self.waiting if kind is TriggerKind.BACKFILL else self.waiting[: self.planned]
        return not ahead or ahead[0] == trigger_id

    def _leave(self, trigger_id: TriggerId) -> None:
        if trigger_id in self.waiting:
            self.planned -= self.waiting.index(trigger_id) < self.planned
            self.waiting.remove(trigger_id)
