"""Packs: which triggers share a message. Pure.

A message occupies an executor until its slowest trigger has ended, so it is of one user and, where that leaves enough
messages for the others, of one host.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.queue import MAX_PACK, Pack
from shared.schedule import DEFAULT_PRIORITY
from shared.trigger import TriggerId
from shared.user import UserId

# So many messages are enough to keep ten executors busy and to even out fast and slow packs; more would only cost.
MESSAGES_WANTED = 40


@dataclass(frozen=True, slots=True)
class Sendable:
    """A trigger that is to be sent; ``alone`` when an executor has died with it before.

    ``host`` is what its first job calls. Its user's triggers are ordered by ``priority``, the highest first, and then
    by when they became due, ``since``.
    """

    id: TriggerId
    user_id: UserId
    alone: bool
    host: str
    since: datetime
    priority: int = DEFAULT_PRIORITY

    def turn(self) -> tuple[int, datetime, TriggerId]:
        """Its place among those of its user."""
        return -self.priority, self.since, self.id


@dataclass(slots=True)
class Chunk:
    """Triggers of one host that travel together; ``sealed``: with nobody else."""

    items: list[Sendable] = field(default_factory=list)
    sealed: bool = False


def size_for(count: int, messages: int) -> int:
    """Single triggers when little is due, up to ``MAX_PACK`` together in a burst: as many as ``messages`` can carry."""
    return max(1, min(-(-count // max(messages, 1)), MAX_PACK))


def cut(items: Sequence[Sendable], size: int, messages_of: Callable[[str], int]) -> list[Chunk]:
    """Chunks of about ``size``, larger where a host would need more than its messages."""
    by_host: dict[str, list[Sendable]] = defaultdict(list)
    for item in items:
        by_host[item.host].append(item)
    chunks = []
    for host, same_host in by_host.items():
        sealed = [Chunk([item], sealed=True) for item in same_host if item.alone]
        others = [item for item in same_host if not item.alone]
        step = max(size, size_for(len(others), messages_of(host) - len(sealed)))
        chunks += sealed + [Chunk(others[start : start + step]) for start in range(0, len(others), step)]
    return chunks


def merge(chunks: Sequence[Chunk], messages: int) -> tuple[list[Pack], list[Sendable]]:
    """At most so many packs, the chunks of those whose turn comes first before others; and who found no place.

    Hosts share a message only when there are more chunks than messages.
    """
    packs: list[Chunk] = []
    left: list[Sendable] = []
    for chunk in sorted(chunks, key=lambda chunk: chunk.items[0].turn()):
        open_packs = [pack for pack in packs if not (pack.sealed or chunk.sealed) and _fits(pack, chunk)]
        if len(packs) < messages:
            packs.append(Chunk(list(chunk.items), chunk.sealed))
        elif open_packs:
            min(open_packs, key=lambda pack: len(pack.items)).items.extend(chunk.items)
        else:
            left += chunk.items
    return [tuple(item.id for item in pack.items) for pack in packs], left


def _fits(pack: Chunk, chunk: Chunk) -> bool:
    return len(pack.items) + len(chunk.items) <= MAX_PACK


def as_before(sent: Iterable[tuple[TriggerId, int | None]]) -> list[Pack]:
    """Packs of triggers that are sent once more, from (id, the message that it travelled in): as they were."""
    by_message: dict[int, list[TriggerId]] = defaultdict(list)
    for trigger_id, message in sent:
        by_message[trigger_id if message is None else message].append(trigger_id)
    return [
        tuple(ids[start : start + MAX_PACK]) for ids in by_message.values() for start in range(0, len(ids), MAX_PACK)
    ]
