"""Packs: how many triggers share one message."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shared.queue import MAX_PACK, Pack
from shared.trigger import TriggerId
from shared.user import UserId

# So many messages are enough to keep ten executors busy and to even out fast and slow packs; more would only cost.
MESSAGES_WANTED = 40


@dataclass(frozen=True, slots=True)
class Sendable:
    """A trigger that is to be sent; ``alone`` when an executor has died with it before."""

    id: TriggerId
    user_id: UserId
    alone: bool


def form_packs(due: Sequence[Sendable]) -> list[Pack]:
    """Packs of one user each: single triggers when little is due, up to ``MAX_PACK`` together in a burst."""
    size = min(-(-len(due) // MESSAGES_WANTED), MAX_PACK) or 1
    by_user: dict[UserId, list[TriggerId]] = defaultdict(list)
    for item in due:
        if not item.alone:
            by_user[item.user_id].append(item.id)
    together = [pack for ids in by_user.values() for pack in _cut(ids, size)]
    return [(item.id,) for item in due if item.alone] + together


def _cut(ids: list[TriggerId], size: int) -> Iterator[Pack]:
    return (tuple(ids[start : start + size]) for start in range(0, len(ids), size))
