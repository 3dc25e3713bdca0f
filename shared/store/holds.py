"""SQL of triggers that are due and may not go yet: they stay ``scheduled``, with a hold and a reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, update

from shared.store.arrays import BIGINT, INSTANT, TEXT, bound, rows
from shared.store.tables import triggers
from shared.trigger import Hold, TriggerId

# Written with every status but ``scheduled``: only what is scheduled can be held.
NOT_HELD: dict[str, None] = {"hold": None, "held_for": None}

_held = rows("held", id=BIGINT, hold=TEXT, held_for=TEXT, reason=TEXT, next_attempt_at=INSTANT)
HOLD = (
    update(triggers)
    .where(triggers.c.id == _held.c.id)
    .values(
        hold=_held.c.hold,
        held_for=_held.c.held_for,
        reason=_held.c.reason,
        next_attempt_at=_held.c.next_attempt_at,
    )
)


@dataclass(frozen=True, slots=True)
class Held:
    """A locked trigger that may not go yet.

    ``look_at`` is when it is looked at again; of one that waits for its user's share (``Hold.LIMIT``) it is since when
    it has been due, its place among those of its priority in the line that ``waits_for`` names.
    """

    id: TriggerId
    hold: Hold
    reason: str
    look_at: datetime
    waits_for: str | None = None


def hold(connection: Connection, held: Sequence[Held]) -> None:
    """Keep these triggers back."""
    if held:
        values = [(item.id, item.hold.value, item.waits_for, item.reason, item.look_at) for item in held]
        connection.execute(HOLD, bound(_held, values))
