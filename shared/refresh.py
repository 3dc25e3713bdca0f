"""Refresh: calendars whose events stand at a URL are asked what it says by now."""

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from shared import exclusions
from shared.exclusions import Exclusions
from shared.failpoints import reach
from shared.feed import Feed
from shared.runners.feeds import FETCH_SECONDS, FetchFailed, fetch
from shared.runners.http_client import HttpClient
from shared.services import Services
from shared.store import calendars, feeds
from shared.store.feeds import Columns, Leased

# Asked side by side, so that the slowest of them is all that a batch waits for.
BATCH = 32
# Longer than a batch may take: nobody asks twice unless somebody died.
LEASE = timedelta(minutes=2)
CHANGED = "a calendar of the schedule has changed at its URL"

Answer = Feed | FetchFailed


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What one batch did: how many were asked, how many of them in vain, how many schedules are planned anew."""

    asked: int = 0
    failed: int = 0
    replanned: int = 0

    @property
    def more(self) -> bool:
        """Whether another batch is worth a look."""
        return self.asked >= BATCH

    def __add__(self, other: "Refreshed") -> "Refreshed":
        return Refreshed(self.asked + other.asked, self.failed + other.failed, self.replanned + other.replanned)


def refresh(
    services: Services, now: datetime, real_now: datetime, going_on: Callable[[], bool] = lambda: True
) -> Refreshed:
    """Ask one batch of those that are due; takes ``FETCH_SECONDS``, and the time to read what they say.

    ``now`` is the schedules' time, ``real_now`` that of the network.

    1. Lease them, and commit. After a crash from here on they are asked again when the lease is over, ``LEASE`` later.
    2. Ask them all at once, with no transaction open.
    3. Write what each said, and plan the schedules that use it anew if that changes what lies ahead: one transaction
       each. One that was edited meanwhile is left alone until its lease is over. What cannot be fetched or read
       changes nothing but the reason that its owner sees.
    """
    with services.database.begin() as connection:
        leased = feeds.lease(connection, real_now, real_now + LEASE, BATCH)
        if __debug__:
            reach("refresh.leased", connection)
    answers = _ask(services.web, leased)
    if __debug__ and leased:
        reach("refresh.asked")
    done = Refreshed(len(leased), sum(isinstance(answer, FetchFailed) for answer in answers))
    for calendar, answer in zip(leased, answers, strict=True):
        if not going_on():
            break
        done += _settle(services, calendar, answer, now, real_now)
    return done


def _ask(client: HttpClient, leased: Sequence[Leased]) -> list[Answer]:
    if not leased:
        return []
    deadline = time.monotonic() + FETCH_SECONDS
    with ThreadPoolExecutor(len(leased), "feed") as pool:
        return list(pool.map(partial(_answer, client, deadline), leased))


def _answer(client: HttpClient, deadline: float, calendar: Leased) -> Answer:
    try:
        return fetch(client, calendar.url, calendar.feed, deadline)
    except FetchFailed as error:
        return error


def _settle(services: Services, calendar: Leased, answer: Answer, now: datetime, real_now: datetime) -> Refreshed:
    """Reading may take seconds, and a transaction that waits for it would be cut off: read first, then write."""
    columns, found = _read(calendar, answer, now, real_now)
    replanned = 0
    with services.database.begin() as connection:
        if feeds.settle(connection, calendar, columns) and not exclusions.same_ahead(calendar.exclusions, found, now):
            replanned = calendars.replan_users(connection, calendar.user_id, calendar.id, CHANGED, now)
        if __debug__:
            reach("refresh.written", connection)
    if __debug__:
        reach("refresh.committed")
    unreadable = not isinstance(answer, FetchFailed) and columns["fetch_error"] is not None
    return Refreshed(failed=int(unreadable), replanned=replanned)


def _read(calendar: Leased, answer: Answer, now: datetime, real_now: datetime) -> tuple[Columns, Exclusions]:
    """What to write of an answer, and what the calendar excludes from then on."""
    chance = random.random()  # noqa: S311 - spreads load, keeps no secret
    horizon = exclusions.horizon(now)
    if isinstance(answer, FetchFailed):
        feed, columns = calendar.feed, feeds.failed(f"The URL {answer}", calendar.failures + 1, real_now, chance)
    else:
        feed, columns = answer, feeds.fetched(answer, real_now, chance)
    if feed.text == calendar.feed.text and horizon == calendar.expanded_until:
        return columns, calendar.exclusions
    found, faults = exclusions.read(calendar.definition, calendar.timezone, now, feed.text)
    if not faults:
        return {**columns, **feeds.expanded(found, horizon)}, found
    error = f"What the URL says cannot be used: {faults[0].message}"
    return feeds.failed(error, calendar.failures + 1, real_now, chance), calendar.exclusions
