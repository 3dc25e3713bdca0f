"""Shares: how much of the executors one user may have at once, so that nobody's flood starves anybody. Pure.

There are ten executors. A message occupies one of them until its slowest trigger has ended, so what is counted for a
user is messages on their way. Whatever does not fit waits in a line of its user's own.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from shared.packs import MESSAGES_WANTED, Sendable, cut, merge, size_for
from shared.queue import MAX_PACK, Pack
from shared.trigger import TriggerId
from shared.user import UserId

SLOTS_PER_USER = 6
SLOTS_PER_HOST = 4
# So many messages a user may have whatever others do. Beyond that only while fewer than ``SHARED_SLOTS`` are on their
# way in all: executors are left for whoever comes next, however many users have targets that hang.
SLOTS_ALWAYS = 2
SHARED_SLOTS = 8
# The host of what calls none, or computes which.
NO_HOST = "unknown"
# The line of what waits for its user's share as a whole, and not for that of a host.
ANY_HOST = ""

PLAN_FULL = "It waits for its turn: as many runs as your plan allows ({}) are on their way."
SLOTS_FULL = "It waits for its turn: as many of your runs as may go at once are on their way."
HOST_FULL = "It waits for its turn: as many of your runs as may call {} at once are on their way."


@dataclass(slots=True)
class Share:
    """What a user has on the way: triggers, messages in all and by host; and whose lines are not empty."""

    max_in_flight: int
    in_flight: int = 0
    messages: int = 0
    hosts: dict[str, int] = field(default_factory=dict)
    lines: set[str] = field(default_factory=set)

    def free_slots(self, outstanding: int) -> int:
        """How many messages it may send while so many of all users are on their way."""
        own, shared = SLOTS_PER_USER - self.messages, SHARED_SLOTS - outstanding
        return max(0, min(own, max(shared, SLOTS_ALWAYS - self.messages)))

    def room(self, outstanding: int) -> int:
        """How many triggers it may send."""
        return max(0, min(self.max_in_flight - self.in_flight, self.free_slots(outstanding) * MAX_PACK))

    def full(self, slots: int) -> str:
        """Why no more of its triggers go while it has so many messages left."""
        by_plan = self.max_in_flight - self.in_flight < slots * MAX_PACK
        return PLAN_FULL.format(self.max_in_flight) if by_plan else SLOTS_FULL

    def free_slots_of(self, host: str) -> int:
        """The same for messages of one host."""
        return max(0, SLOTS_PER_HOST - self.hosts.get(host, 0))


@dataclass(frozen=True, slots=True)
class Limited:
    """A trigger that has to wait: in which line, and why."""

    item: Sendable
    line: str
    reason: str


@dataclass(slots=True)
class Divided:
    """Who goes, in which packs, and who waits."""

    packs: list[Pack] = field(default_factory=list)
    limited: list[Limited] = field(default_factory=list)

    @property
    def sent(self) -> list[tuple[TriggerId, TriggerId]]:
        """(trigger, its message) of all who go; a message is known by the smallest id in it."""
        return [(trigger_id, min(pack)) for pack in self.packs for trigger_id in pack]


def divide(ready: Sequence[Sendable], shares: Mapping[UserId, Share], outstanding: int) -> Divided:
    """Who of these triggers may go. Users with the fewest messages on their way choose first.

    ``outstanding`` counts the messages of all users. Within a user the order is that of ``turn``, but nobody waits
    for a host that is not his own.
    """
    divided = Divided()
    by_user: dict[UserId, list[Sendable]] = defaultdict(list)
    for item in ready:
        by_user[item.user_id].append(item)
    wanted = size_for(len(ready), MESSAGES_WANTED)
    for user_id in sorted(by_user, key=lambda user_id: shares[user_id].messages):
        share, items = shares[user_id], sorted(by_user[user_id], key=Sendable.turn)
        packs = _divide(items, share, outstanding, wanted, divided)
        divided.packs += packs
        outstanding += len(packs)
    return divided


def _divide(items: Iterable[Sendable], share: Share, outstanding: int, wanted: int, divided: Divided) -> Sequence[Pack]:
    slots, room = share.free_slots(outstanding), share.room(outstanding)
    going: list[Sendable] = []
    hosts: dict[str, int] = defaultdict(int)
    for item in items:
        if item.host in share.lines or hosts[item.host] >= share.free_slots_of(item.host) * MAX_PACK:
            divided.limited.append(Limited(item, item.host, _host_full(item.host)))
        elif len(going) >= room or ANY_HOST in share.lines:
            divided.limited.append(Limited(item, ANY_HOST, share.full(slots)))
        else:
            going.append(item)
            # Who travels alone takes the place of a whole pack.
            hosts[item.host] += MAX_PACK if item.alone else 1
    chunks = cut(going, max(wanted, size_for(len(going), slots)), share.free_slots_of)
    packs, left = merge(chunks, slots)
    divided.limited += [Limited(item, ANY_HOST, SLOTS_FULL) for item in left]
    return packs


def _host_full(host: str) -> str:
    return SLOTS_FULL if host == NO_HOST else HOST_FULL.format(host)
