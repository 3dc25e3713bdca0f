"""How often somebody may ask: a bucket of tokens that fills up steadily, and a copy of it in each process. Pure.

Time is an argument: seconds of a clock that only goes forward. A level is the time until the bucket is full again.
"""

import math
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network

# A process tells the database what it has let through when that is this part of what is left, and after so long anyway.
PART_OF_REST, TELL_AFTER_SECONDS = 16, 30.0
# The same while it does not know yet what others have let through.
PART_OF_UNKNOWN = 64
_A_HOUSE = 64  # the bits of an IPv6 address that a network gives its customers
_NOTHING = 1e-6


class Counted(StrEnum):
    """Who is counted: an address, the same where somebody signs in or up, a user."""

    ADDRESS = "address"
    SIGN_IN = "sign-in"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests a second, and ``burst`` at once after a rest."""

    per_second: float
    burst: int

    @property
    def interval(self) -> float:
        """Seconds in which one request more is allowed."""
        return 1 / self.per_second

    @property
    def window(self) -> float:
        """Seconds in which an empty bucket is full again."""
        return self.burst / self.per_second

    def times(self, factor: float) -> "Rate":
        """The same, more or less generous."""
        return Rate(self.per_second * factor, max(1, round(self.burst * factor)))


# An office, a school or a mobile network may stand behind one address.
OF_ADDRESS = Rate(per_second=50, burst=1500)
# Hashing a password takes time and memory, and each account is a row. A thousand browsers refresh once in a second.
OF_SIGN_IN = Rate(per_second=2, burst=120)


def subject_of(address: str) -> str | None:
    """Whom an address stands for: itself, or its /64 in IPv6; None for what is no address."""
    try:
        ip = ip_address(address)
    except ValueError:
        return None
    if isinstance(ip, IPv6Address):
        return str(ip.ipv4_mapped or ip_network((ip, _A_HOUSE), strict=False))
    return str(ip)


def key_of(counted: Counted, subject: str) -> bytes:
    """Names a bucket that all processes share."""
    return sha256(f"{counted} {subject}".encode()).digest()[:16]


@dataclass(slots=True)
class Bucket:
    """What one process knows of a bucket. ``untold``: requests it let through that the database does not know of."""

    rate: Rate
    full_at: float
    untold: int = 0
    known: bool = False
    told_at: float | None = None
    closed_until: float = field(default=-math.inf)

    def closed_for(self, now: float) -> float:
        """Whole seconds, when it was closed, that nobody is let through any more; 0 when it is open."""
        return max(0.0, self.closed_until - now)

    def level(self, now: float) -> float:
        """Seconds until it is full again."""
        return max(0.0, self.full_at - now)

    def left(self, now: float) -> int:
        """How many requests may come at once."""
        if self.closed_for(now):
            return 0
        return max(0, math.floor((self.rate.window - self.level(now)) / self.rate.interval + _NOTHING))

    def take(self, now: float) -> bool:
        """Let a request through; False when it is closed, or was empty and closes until it can keep its word."""
        if self.closed_for(now):
            return False
        if not self.left(now):
            self._close(self.level(now) + self.rate.interval - self.rate.window, now)
            return False
        self.full_at = now + self.level(now) + self.rate.interval
        self.untold += 1
        return True

    def dues(self, now: float) -> int:
        """How many requests that were let through are to be told to the database now, if any; they count as told."""
        if self.told_at is None:
            self.told_at = now
        part = self.left(now) // PART_OF_REST if self.known else self.rate.burst // PART_OF_UNKNOWN
        if self.untold < part and now - self.told_at < TELL_AFTER_SECONDS:
            return 0
        told, self.untold = self.untold, 0
        return told

    def learn(self, level: float, now: float) -> None:
        """The level that all processes have made together, this one's told requests among them.

        What is over the brim has been asked for by others in the same moment: the request at hand is one too many.
        """
        self.known, self.told_at = True, now
        self.full_at = now + level + self.untold * self.rate.interval
        if level > self.rate.window + _NOTHING:
            self._close(level - self.rate.window, now)

    def untell(self, told: int) -> None:
        """The database could not be told: these are still to be told."""
        self.untold += told

    def adopt(self, rate: Rate, now: float) -> None:
        """Another plan has another rate; nobody waits longer than it takes to fill the new bucket."""
        if rate != self.rate:
            self.rate, self.full_at, self.closed_until = rate, min(self.full_at, now + rate.window), -math.inf

    def _close(self, seconds: float, now: float) -> None:
        """Whole seconds, which is what can be told by Retry-After."""
        self.closed_until = now + math.ceil(seconds)
