"""The trigger queue: it only carries "look at these triggers now"; the database is the truth."""

import json
from collections.abc import Sequence
from typing import Protocol

from shared.trigger import TriggerId

Pack = tuple[TriggerId, ...]

# As many as one claim handles well; a message of 100 ids is about 1 KB of SQS's 256.
MAX_PACK = 100


class TriggerQueue(Protocol):
    """Where due triggers wait for an executor."""

    def send(self, packs: Sequence[Pack]) -> int:
        """Send each pack as one message; answers how many went out.

        What did not go out, or is lost on the way, is sent again by ``recover``. Raises ``Unavailable`` when the queue
        is away altogether.
        """
        ...


def encode(pack: Pack) -> str:
    """A pack as the body of a message."""
    return json.dumps({"triggers": pack}, separators=(",", ":"))


def decode(body: str) -> Pack | None:
    """The pack in the body of a message; None when the message is none of ours."""
    try:
        ids = json.loads(body)["triggers"]
        return tuple(TriggerId(int(trigger_id)) for trigger_id in ids)
    except (ValueError, TypeError, KeyError):
        return None
