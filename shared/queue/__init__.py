"""The trigger queue: it only carries "look at these triggers now"; the database is the truth."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.trigger import TriggerId

Pack = tuple[TriggerId, ...]

# As many as one claim handles well; a message of 100 ids is about 1 KB of SQS's 256.
MAX_PACK = 100
MAX_ID = 2**63 - 1


class TriggerQueue(Protocol):
    """Where due triggers wait for an executor."""

    def send(self, packs: Sequence[Pack]) -> int:
        """Send each pack as one message; answers how many went out.

        What did not go out, or is lost on the way, is sent again by ``recover``. Raises ``Unavailable`` when the queue
        is away altogether.
        """
        ...


@dataclass(frozen=True, slots=True)
class DeadMessage:
    """A message that nobody could take. ``pack`` is None when it is none of ours, ``receives`` how often it was tried.

    ``handle`` deletes it; empty when it need not be deleted.
    """

    id: str
    body: str
    receives: int
    handle: str = ""

    @property
    def pack(self) -> Pack | None:
        """The triggers that it named."""
        return decode(self.body)

    @property
    def told(self) -> str:
        """What it was, for the log: no body, which is a stranger's when it is none of ours."""
        return f"it named {len(self.pack)} triggers" if self.pack is not None else "it names no triggers"


class DeadLetterQueue(Protocol):
    """Where the queue puts messages that were received too often."""

    def receive(self) -> Sequence[DeadMessage]:
        """A few of them, none when there are none. They come back unless they are deleted. Raises ``Unavailable``."""
        ...

    def delete(self, message: DeadMessage) -> None:
        """Done with it. Raises ``Unavailable``."""
        ...


def encode(pack: Pack) -> str:
    """A pack as the body of a message."""
    return json.dumps({"triggers": pack}, separators=(",", ":"))


def decode(body: str) -> Pack | None:
    """The pack in the body of a message; None when the message is none of ours."""
    try:
        ids = [int(trigger_id) for trigger_id in json.loads(body)["triggers"]]
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    return tuple(map(TriggerId, ids)) if all(1 <= trigger_id <= MAX_ID for trigger_id in ids) else None
