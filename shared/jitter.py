"""Jitter: each occurrence a little after its planned time, always by the same amount, never past the next one. Pure.

``Planned`` answers the first planned time strictly after an instant. Because an occurrence stays before the planned
time that follows it, what comes after it can be counted from where it was moved to: the timetable does not drift.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import blake2b

Planned = Callable[[datetime], datetime | None]
_SECOND = timedelta(seconds=1)


def jittered(due: datetime, seconds: int, seed: int) -> datetime:
    """The planned time, 0 to ``seconds`` later: the same for every process, another one for every seed and time."""
    drawn = blake2b(f"{seed} {due.timestamp():.0f}".encode(), digest_size=8).digest()
    return due + timedelta(seconds=int.from_bytes(drawn, "big") % (seconds + 1))


def spread(due: datetime, following: datetime | None, seconds: int, seed: int) -> datetime:
    """The occurrence of the planned time ``due``, which comes before the planned time ``following``."""
    room = seconds if following is None else min(seconds, int((following - due).total_seconds()) - 1)
    return jittered(due, max(room, 0), seed)


def first_spread(planned: Planned, after: datetime, seconds: int, seed: int) -> datetime | None:
    """The first occurrence strictly after ``after``, be it of a planned time that has passed by then."""
    due = planned(after)
    last = _last_planned(planned, after, seconds)
    if last is not None and (occurrence := spread(last, due, seconds, seed)) > after:
        return occurrence
    return None if due is None else spread(due, planned(due), seconds, seed)


def _last_planned(planned: Planned, after: datetime, seconds: int) -> datetime | None:
    """The last planned time within ``seconds`` before ``after``, or at it; found by halving."""
    low = after - timedelta(seconds=seconds + 1)
    found = planned(low)
    if found is None or found > after:
        return None
    low, high = found, after
    while high - low > _SECOND:
        middle = low + (high - low) / 2
        later = planned(middle)
        if later is None or later > after:
            high = middle
        else:
            low = found = later
    # One may be left between the two, because planned times are whole seconds.
    later = planned(low)
    return later if later is not None and later <= after else found
