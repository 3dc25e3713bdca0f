"""What the URL of a calendar says, asked while its owner waits; later it is ``shared.refresh`` that asks."""

import random
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.errors import Fault
from shared.feed import Feed
from shared.manage.draft import Draft
from shared.manage.slots import held_slot
from shared.runners.feeds import FETCH_SECONDS, FetchFailed, asking, fetch
from shared.services import Services
from shared.store import feeds
from shared.store.calendars import StoredCalendar
from shared.user import UserId

FIELD = "icalendar_url"
# A slot stays taken for as long as this, however quick the answer is.
BETWEEN_FETCHES = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a URL has just said, or why it has not."""

    url: str
    feed: Feed | None
    faults: tuple[Fault, ...] = ()


def ask(services: Services, user_id: UserId, draft: Draft, now: datetime, known: str | None = None) -> Asked | None:
    """What the URL of the draft says; None when it has none, or the ``known`` one, which is asked by ``refresh``.

    Takes up to ``FETCH_SECONDS``, so no transaction may be open. ``now`` is real. Raises ``TooMany``.
    """
    url = draft.fields.get(FIELD)
    # Nobody is called for what is refused anyway.
    if not url or url == known or draft.faults:
        return None
    try:
        asking(url)
        with held_slot(services, user_id, now, timedelta(seconds=FETCH_SECONDS), BETWEEN_FETCHES):
            return Asked(url, fetch(services.web, url, None, time.monotonic() + FETCH_SECONDS))
    except FetchFailed as error:
        return Asked(url, None, (Fault(FIELD, str(error)),))


def columns(draft: Draft, asked: Asked | None, current: StoredCalendar | None, now: datetime) -> dict[str, Any]:
    """What an edit writes of its calendar's feed: nothing, unless it has something to do with its URL."""
    if FIELD not in draft.fields:
        return {}
    if asked is not None and asked.feed is not None:
        return dict(feeds.fetched(asked.feed, now, random.random()))  # noqa: S311 - spreads load, keeps no secret
    if not draft.fields[FIELD]:
        return dict(feeds.NONE)
    # The same URL once more, sent by somebody who has repaired what it says: do not make them wait.
    return {"fetch_at": now} if current is not None and current.fetch_error else {}
