"""How long it took until things went on: from the end of a fault to the first sign of life after it."""

import statistics
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tests.faults.campaign.director import Record
from tests.faults.lab.target import Call


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds, of so many cases."""

    number: int
    median: float | None
    longest: float | None

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Times":
        """The median and the longest of some."""
        if not seconds:
            return cls(0, None, None)
        return cls(len(seconds), round(statistics.median(seconds), 2), round(max(seconds), 2))


def after_kills(record: Record, calls: Sequence[Call]) -> Times:
    """From an executor's death to the next call of each trigger that was executing in it."""
    begun: dict[str, list[float]] = defaultdict(list)
    for call in calls:
        begun[call.key.rsplit("-", 1)[0]].append(call.begun)
    found = []
    for loss in record.kills:
        for trigger in loss.triggers:
            later = [instant for instant in begun.get(f"cronny-{trigger}", []) if instant > loss.at]
            found += [min(later) - loss.at] if later else []
    return Times.of(found)


def after_returns(returns: Sequence[float], calls: Sequence[Call], record: Record) -> Times:
    """From the return of something to the first call after it, unless the queue was away at the time."""
    begun = sorted(call.begun for call in calls)
    found = []
    for back in returns:
        if any(since <= back + 5 and back <= until + 5 for since, until in record.queue_away if until != back):
            continue
        position = bisect_right(begun, back)
        found += [begun[position] - back] if position < len(begun) else []
    return Times.of(found)
