"""How often may somebody ask? Each process counts by itself, and now and then tells the database, which counts for all.

So most requests cost no round trip, a refused one never does, and many processes keep one limit together. While the
database is away each process goes on by itself.
"""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar

from shared import rates
from shared.errors import TooMany, Unavailable
from shared.manage import request_rates
from shared.rates import Bucket, Counted, Rate
from shared.services import Services
from shared.user import UserId

K = TypeVar("K")
V = TypeVar("V")

# Of each process. Whoever is forgotten for others' sake begins with what the database knows.
REMEMBERED = 10_000
# After the database was away, in seconds.
LOOK_AGAIN_AFTER = 5.0

_WHOSE = {
    Counted.ADDRESS: "from your network address",
    Counted.SIGN_IN: "to sign in or up from your network address",
    Counted.USER: "of yours",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where somebody stands after a request: how many more may come at once, and in how many seconds all of them."""

    counted: Counted
    rate: Rate
    left: int
    full_in: float


class Limits:
    """The buckets of one process, by whom they count. All who count add to ``standings``, also when they refuse."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[tuple[Counted, str], Bucket] = OrderedDict()
        self._users: OrderedDict[bytes, UserId] = OrderedDict()
        self._away_until = -math.inf

    def count_address(self, services: Services, address: str, standings: list[Standing], *, signs_in: bool) -> None:
        """One request from there; nothing for an address that nobody has told. Raises ``TooMany``."""
        subject = rates.subject_of(address)
        if subject is None or not services.settings.rate_limits:
            return
        self._count(services, Counted.ADDRESS, subject, rates.OF_ADDRESS, standings)
        if signs_in:
            self._count(services, Counted.SIGN_IN, subject, rates.OF_SIGN_IN, standings)

    def check_credentials(self, credentials: str, standings: list[Standing]) -> None:
        """Raises ``TooMany`` for who was let in with them before and has to wait, without a look into the database."""
        now = self._clock()
        with self._lock:
            bucket = self._buckets.get((Counted.USER, str(self._users.get(_digest(credentials)))))
            if bucket is not None and bucket.closed_for(now):
                _judge(Counted.USER, bucket, now, standings)

    def count_user(
        self, services: Services, user_id: UserId, credentials: str, rate: Rate, standings: list[Standing]
    ) -> None:
        """One request of a user, who was let in with these. Raises ``TooMany``."""
        if not services.settings.rate_limits:
            return
        with self._lock:
            _remember(self._users, _digest(credentials), user_id)
        self._count(services, Counted.USER, str(user_id), rate, standings)

    def _count(self, services: Services, counted: Counted, subject: str, rate: Rate, standings: list[Standing]) -> None:
        rate, now = rate.times(services.settings.rate_limits), self._clock()
        with self._lock:
            bucket = self._bucket(counted, subject, rate, now)
            told = bucket.dues(now) if bucket.take(now) else 0
        if told:
            self._tell(services, counted, subject, bucket, told)
        with self._lock:
            _judge(counted, bucket, self._clock(), standings)

    def _bucket(self, counted: Counted, subject: str, rate: Rate, now: float) -> Bucket:
        bucket = self._buckets.get((counted, subject)) or Bucket(rate, full_at=now)
        bucket.adopt(rate, now)
        _remember(self._buckets, (counted, subject), bucket)
        return bucket

    def _tell(self, services: Services, counted: Counted, subject: str, bucket: Bucket, told: int) -> None:
        """Have the database count these for all, unless it is away: then they are told another time."""
        level = None
        if self._clock() >= self._away_until:
            try:
                level = request_rates.tell(services, counted, subject, bucket.rate, told)
            except Unavailable:
                self._away_until = self._clock() + LOOK_AGAIN_AFTER
        with self._lock:
            if level is None:
                bucket.untell(told)
            else:
                bucket.learn(level, self._clock())


def headers(standings: Sequence[Standing]) -> Mapping[str, str]:
    """What draft-ietf-httpapi-ratelimit-headers calls the policies and where the caller stands."""
    if not standings:
        return {}
    policies = [f'"{one.counted}";q={one.rate.burst};w={math.ceil(one.rate.window)}' for one in standings]
    stands = [f'"{one.counted}";r={one.left};t={math.ceil(one.full_in)}' for one in standings]
    return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(stands)}


def _judge(counted: Counted, bucket: Bucket, now: float, standings: list[Standing]) -> None:
    rate, wait = bucket.rate, bucket.closed_for(now)
    standings.append(Standing(counted, rate, bucket.left(now), bucket.level(now)))
    if wait:
        allowed = f"{rate.burst:,} at once and then {rate.per_second:g} a second are allowed"
        plans = "; a larger plan allows more (PUT /user/plan)" if counted is Counted.USER else ""
        message = f"Too many requests {_WHOSE[counted]}: {allowed}{plans}. Wait {math.ceil(wait)} s, then go on."
        raise TooMany(message, wait)


def _remember(known: OrderedDict[K, V], key: K, value: V) -> None:
    known[key] = value
    known.move_to_end(key)
    if len(known) > REMEMBERED:
        known.popitem(last=False)


def _digest(credentials: str) -> bytes:
    return sha256(credentials.encode("utf-8", "surrogatepass")).digest()
