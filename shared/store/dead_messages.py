"""SQL of messages that the queue gave up on, and of those that name no triggers: written down, never looped."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, any_, bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from shared.queue import DeadMessage
from shared.store.arrays import INSTANT, ids
from shared.store.jsonb import clean
from shared.store.tables import dead_messages, triggers
from shared.trigger import TriggerId

# Enough to recognise what it was; SQS allows 256 KB.
BODY_KEPT = 4000

RECORD = insert(dead_messages).on_conflict_do_nothing().returning(dead_messages.c.message_id)

# What is queued still has not been started by anybody. Alone it cannot be held up by its neighbours again.
SEND_AGAIN = (
    update(triggers)
    .where(triggers.c.id == any_(ids("ids")), triggers.c.status == "queued")
    .values(alone=True, resend_at=bindparam("now", type_=INSTANT), reason=bindparam("why"))
    .returning(triggers.c.id)
)
_naming = dead_messages.c.trigger_ids.op("@>", is_comparison=True)(ids("triggers"))
FAILURES = select(func.count()).select_from(dead_messages).where(_naming)
FORGET = delete(dead_messages).where(
    dead_messages.c.message_id.in_(
        select(dead_messages.c.message_id)
        .where(dead_messages.c.received_at <= bindparam("before", type_=INSTANT))
        .order_by(dead_messages.c.received_at)
        .limit(bindparam("limit"))
    )
)


def record(connection: Connection, messages: Sequence[DeadMessage], now: datetime) -> set[str]:
    """Write them down, each once however often it is told; answers the ids of those that are new."""
    rows = [
        {
            "message_id": message.id,
            "body": clean(message.body[:BODY_KEPT]),
            "trigger_ids": list(message.pack or ()),
            "receives": message.receives,
            "received_at": now,
        }
        for message in messages
    ]
    return set(connection.execute(RECORD.values(rows)).scalars()) if rows else set()


def send_again(connection: Connection, trigger_ids: Sequence[TriggerId], why: str, now: datetime) -> list[TriggerId]:
    """Have ``recover`` send what is still queued once more, each in a message of its own; answers which."""
    if not trigger_ids:
        return []
    return list(connection.execute(SEND_AGAIN, {"ids": sorted(set(trigger_ids)), "why": why, "now": now}).scalars())


def failures(connection: Connection, trigger_id: TriggerId) -> int:
    """How many dead messages named this trigger."""
    return int(connection.execute(FAILURES, {"triggers": [trigger_id]}).scalar_one())


def forget(connection: Connection, before: datetime, limit: int) -> int:
    """Delete what was written down by that instant."""
    return connection.execute(FORGET, {"before": before, "limit": limit}).rowcount
