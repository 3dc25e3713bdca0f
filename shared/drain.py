"""Drain: messages that no executor could take are written down, and what they named is sent again."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.failpoints import reach
from shared.queue import DeadMessage
from shared.services import Services
from shared.store import dead_messages

log = logging.getLogger("cronny.drain")

SENT_AGAIN = "Its message could not be delivered and went to the dead letter queue; it is sent again, alone."


@dataclass(frozen=True, slots=True)
class Drained:
    """What one batch did; ``more`` says whether another batch is worth a look."""

    messages: int
    resent: int
    more: bool


NOTHING = Drained(0, 0, more=False)


def drain(services: Services, now: datetime) -> Drained:
    """Drain one batch of the dead letter queue; raises ``Unavailable`` when the queue or the database is away.

    1. Receive. A crash after this lets the messages come back when their visibility is over.
    2. Write each down and have its triggers that are still queued sent again. COMMIT.
       A crash after this lets them come back, too: a message is written, and acted upon, once.
    3. Delete them from the queue.
    """
    if services.dead_letters is None:
        return NOTHING
    messages = services.dead_letters.receive()
    if __debug__:
        reach("drain.received")
    resent = note(services, messages, now)
    if __debug__:
        reach("drain.committed")
    for message in messages:
        log.warning("message %s was given up by the queue: %s", message.id, message.told)
        services.dead_letters.delete(message)
    return Drained(len(messages), resent, more=bool(messages))


def note(services: Services, messages: Sequence[DeadMessage], now: datetime) -> int:
    """Write messages down, once each; answers how many triggers of new ones were still queued and are sent again."""
    if not messages:
        return 0
    with services.database.begin() as connection:
        new = dead_messages.record(connection, messages, now)
        named = [trigger_id for message in messages if message.id in new for trigger_id in message.pack or ()]
        again = dead_messages.send_again(connection, named, SENT_AGAIN, now)
        if __debug__:
            reach("drain.written", connection)
    return len(again)
