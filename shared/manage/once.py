"""Doing what a client asks for once, however often it asks under the same key."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from shared.clock import HeldClock
from shared.errors import Busy, Conflict, Invalid, Unavailable
from shared.services import Services
from shared.store import kept_answers
from shared.store.kept_answers import Claim, KeptAnswer
from shared.user import UserId

FIELD = "Idempotency-Key"
IN_FLIGHT = f"A request with this {FIELD} is being answered right now; try again in a moment."
OTHER = "was used for another request; every request needs one of its own"
UNREADABLE = f"This was done before under the same {FIELD}. What it answered was a secret, shown once and not kept."

KEPT = timedelta(hours=24)
# A second more than the API function may take: whoever has not answered by then is dead.
IN_FLIGHT_AT_MOST = timedelta(seconds=30)
# Of each user the newest answers are kept, so many and so many bytes. One claim in so many looks: that is often enough.
MAX_KEPT, MAX_KEPT_BYTES = 10_000, 32 * 1024**2
LOOKED_EVERY = 64
# 4xx that say nothing about the request: the same one may fare otherwise in a moment.
PASSING = (401, 408, 429)

Work = Callable[[Services], KeptAnswer]


class _Indefinite(Exception):  # noqa: N818
    """Undoes the work of an answer that decides nothing."""

    def __init__(self, answer: KeptAnswer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def once(
    services: Services,
    user_id: UserId,
    key: str,
    hashes: Sequence[str],
    work: Work,
    *,
    in_parts: bool,
    keeps_body: bool,
) -> tuple[KeptAnswer, bool]:
    """What ``work`` answers, or has answered to the same request before, and whether it was before.

    ``hashes`` are of the request; the first one is kept, and the others are as good to compare with. Raises ``Invalid``
    when the key has another one, and ``Busy`` while somebody works on it.

    1. Claim the key, and commit. A crash here frees the key after ``IN_FLIGHT_AT_MOST``.
    2. Work and keep the answer in one transaction. A crash here leaves nothing done. Whoever was so slow that another
       one has claimed the key finds that out when keeping the answer, and nothing of its work stays.
    3. Free the key of an answer that is not definite; a crash here is a crash in 2.

    Work ``in_parts`` has transactions of its own, and its answer is kept after them. A crash in between leaves it done,
    and it is done again when it is asked for again: so it must be work that finds nothing left to do.
    """
    clock = HeldClock.of(services.clock)
    taken = _claimed(services, user_id, key, hashes, clock.real_now())
    if isinstance(taken, KeptAnswer):
        return taken, True
    try:
        do = _in_parts if in_parts else _whole
        return do(services, clock, taken, work, keeps_body), False
    except _Indefinite as undone:
        _free(services, taken)
        return undone.answer, False
    except Exception:
        _free(services, taken)
        raise


def definite(status: int) -> bool:
    """Whether the same request would be answered like that again."""
    return status < 500 and status not in PASSING


def _claimed(services: Services, user_id: UserId, key: str, hashes: Sequence[str], now: datetime) -> Claim | KeptAnswer:
    with services.database.begin() as connection:
        if claim := kept_answers.claim(connection, user_id, key, hashes[0], now, now + IN_FLIGHT_AT_MOST):
            # The token is random: no counting, in no process.
            if claim.token.int % LOOKED_EVERY == 0:
                kept_answers.trim(connection, user_id, MAX_KEPT, MAX_KEPT_BYTES)
            return claim
        found = kept_answers.find(connection, user_id, key)
    known, answer = found or (hashes[0], None)
    if known not in hashes:
        raise Invalid.field(FIELD, OTHER)
    if answer is None:
        raise Busy(IN_FLIGHT)
    if answer.body is None:
        raise Conflict(UNREADABLE)
    return answer


def _whole(services: Services, clock: HeldClock, claim: Claim, work: Work, keeps_body: bool) -> KeptAnswer:
    with services.database.begin() as connection:
        answer = _decided(work(services.within(connection, clock)))
        kept = answer if keeps_body else replace(answer, body=None)
        if not kept_answers.keep(connection, claim, kept, clock.real_now() + KEPT):
            raise Busy(IN_FLIGHT)
    return answer


def _in_parts(services: Services, clock: HeldClock, claim: Claim, work: Work, keeps_body: bool) -> KeptAnswer:
    answer = _decided(work(services))
    with services.database.begin() as connection:
        kept = answer if keeps_body else replace(answer, body=None)
        kept_answers.keep(connection, claim, kept, clock.real_now() + KEPT)
    return answer


def _decided(answer: KeptAnswer) -> KeptAnswer:
    if not definite(answer.status):
        raise _Indefinite(answer)
    return answer


def _free(services: Services, claim: Claim) -> None:
    try:
        with services.database.begin() as connection:
            kept_answers.free(connection, claim)
    except Unavailable:
        # It frees itself in half a minute; the answer that is on its way says more.
        return
