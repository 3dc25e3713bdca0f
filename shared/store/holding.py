"""SQL of triggers that wait for a host: told until when, and let go when it answers again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Double, Integer, any_, bindparam, func, literal_column, select, update

from shared.breaker import DRAIN_PER_SECOND, LET_GO, HostKey
from shared.store import breakers
from shared.store.arrays import INSTANT, ids
from shared.store.holds import NOT_HELD
from shared.store.putting_back import PutBack
from shared.store.tables import triggers
from shared.trigger import TriggerId

# What one statement lets go or tells; a statement that moved more might run into its timeout, and never succeed.
BATCH = 5000

SECOND: Any = literal_column("interval '1 second'")
_now = bindparam("now", type_=INSTANT)
# Written out: as a bound value PostgreSQL would not see that its partial index says the same.
_held = triggers.c.hold == literal_column("'breaker'")

GO_NOW = (
    update(triggers)
    .where(triggers.c.id == any_(ids("ids")), _held)
    .values(next_attempt_at=_now, reason=None, **NOT_HELD)
)
TRY = update(triggers).where(triggers.c.id == any_(ids("ids")), _held).values(next_attempt_at=_now)

_waiting = (
    select(triggers.c.id, triggers.c.due_at)
    .where(
        triggers.c.user_id == bindparam("user"),
        triggers.c.held_for == bindparam("host"),
        _held,
    )
    .order_by(triggers.c.due_at)
    .limit(bindparam("limit"))
    # Never waits: whoever holds one of them dispatches or cancels it.
    .with_for_update(skip_locked=True)
    .subquery("waiting")
)
_turn = select(
    _waiting.c.id, func.row_number().over(order_by=(_waiting.c.due_at, _waiting.c.id)).label("turn")
).subquery("turn")
LET_GO_IN_TURN = (
    update(triggers)
    .where(triggers.c.id == _turn.c.id)
    .values(
        next_attempt_at=_now
        + SECOND * ((bindparam("before", type_=Integer()) + _turn.c.turn - 1) * bindparam("apart", type_=Double())),
        reason=bindparam("why"),
        **NOT_HELD,
    )
)
TELL = (
    update(triggers)
    .where(triggers.c.id == _waiting.c.id)
    .values(reason=bindparam("why"), next_attempt_at=bindparam("look_again_at", type_=INSTANT))
)


def release_closed(connection: Connection, items: Sequence[PutBack], now: datetime) -> None:
    """Of triggers that were just put back, those whose host's breaker has closed meanwhile go at once.

    Whoever closed it may have let the others go already. From ``still_open`` on nobody can close a breaker before this
    transaction ends, and whoever does then finds what waits.
    """
    waiting = [(item.claim.id, item.claim.user_id, item.held_for) for item in items if item.held_for is not None]
    if not waiting:
        return
    still = breakers.still_open(connection, [(user_id, host) for _, user_id, host in waiting])
    gone = [trigger_id for trigger_id, user_id, host in waiting if (user_id, host) not in still]
    if gone:
        connection.execute(GO_NOW, {"ids": gone, "now": now})


def try_now(connection: Connection, trigger_ids: Sequence[TriggerId], now: datetime) -> None:
    """Let held triggers go as probes; they stay held, so that whatever befalls them they are found again."""
    connection.execute(TRY, {"ids": list(trigger_ids), "now": now})


def let_go(connection: Connection, key: HostKey, now: datetime, speed: float, before: int = 0) -> int:
    """Let triggers that wait for a host go one after the other, in due order, a batch at most; answers how many.

    ``before``: how many have their turn before these.
    """
    whose = {"user": key[0], "host": key[1], "limit": BATCH, "why": LET_GO.format(host=key[1])}
    pace = {"before": before, "apart": speed / DRAIN_PER_SECOND}
    return connection.execute(LET_GO_IN_TURN, whose | pace | {"now": now}).rowcount


def tell(connection: Connection, key: HostKey, why: str, look_again_at: datetime) -> None:
    """Tell what waits for a host that it goes on waiting; what is beyond a batch looks again by itself."""
    whose = {"user": key[0], "host": key[1], "limit": BATCH}
    connection.execute(TELL, whose | {"why": why, "look_again_at": look_again_at})
