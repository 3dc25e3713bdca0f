"""What four expressions do at the clock changes of six zones, under every policy: ``golden.txt`` is the agreed answer.

``python -m tests.time.golden > tests/time/golden.txt`` writes it anew, to be read line by line before it is kept.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import product, takewhile

from shared.cron import upcoming, zone
from shared.schedule import DstFold, DstGap

CHANGES = (
    ("Europe/Berlin", "2027-03-28T01:00Z"),
    ("Europe/Berlin", "2027-10-31T01:00Z"),
    ("America/New_York", "2027-03-14T07:00Z"),
    ("America/New_York", "2027-11-07T06:00Z"),
    ("Australia/Lord_Howe", "2027-04-03T15:00Z"),
    ("Australia/Lord_Howe", "2027-10-02T15:30Z"),
    ("Asia/Kathmandu", "1985-12-31T18:30Z"),
    ("Pacific/Apia", "2011-12-30T10:00Z"),
    ("Africa/Casablanca", "2026-02-15T02:00Z"),
    ("Africa/Casablanca", "2026-03-22T02:00Z"),
)
EXPRESSIONS = ("30 2 * * *", "*/15 * * * *", "0 0 * * *", "H H * * *")
POLICIES: tuple[tuple[DstGap | None, DstFold | None], ...] = ((None, None), *product(DstGap, DstFold))
# The seed by which H H falls between two and three, where most clocks change.
SEED = 10


def lines() -> Iterator[str]:
    """One line for each change, expression and policy, with the local times around the change."""
    for (name, at), expression, (gap, fold) in product(CHANGES, EXPRESSIONS, POLICIES):
        change = datetime.fromisoformat(at)
        margin = timedelta(hours=1, minutes=1) if expression.startswith("*") else timedelta(hours=26)
        end = change + margin
        times = upcoming(expression, name, change - margin, gap, fold, SEED)
        shown = [f"{due.astimezone(zone(name)):%d.%H:%M%z}" for due in takewhile(end.__ge__, times)]
        yield f"{name} {at} | {expression} | {gap or '-'} {fold or '-'} | {' '.join(shown)}"


if __name__ == "__main__":
    print("\n".join(lines()))
