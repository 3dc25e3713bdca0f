"""The golden table of clock changes, and a second opinion on every line of it.

What follows was read in the table zone by zone, against what is known of each change:

- Europe/Berlin, 28 March 2027, 02:00 -> 03:00. ``30 2`` has no 02:30 that day: 03:00+02:00 with run_after, nothing with
  skip. ``*/15`` goes 01:45+01:00, 03:00+02:00: a quarter of an hour apart. On 31 October 03:00 -> 02:00: 02:30 comes at
  +02:00 and at +01:00; ``first`` has the former, ``last`` the latter, ``both`` both, the default the first.
- America/New_York, 14 March and 7 November 2027: the same at 02:00 -> 03:00; the fold is 01:00 to 02:00, so that 02:30
  is not touched by it, while ``*/15`` has every quarter of 01 twice with both (the default), once with first or last.
- Australia/Lord_Howe changes by half an hour. On 4 April 2027 02:00 -> 01:30: 02:30 comes once. On 3 October
  02:00 -> 02:30: 02:30 exists, and is the very instant at which the gap ends: it is due once, with skip, too. ``H H``,
  which is 02:31 here, exists as well.
- Asia/Kathmandu went from +05:30 to +05:45 on 1 January 1986 at 00:00: midnight was left out, so ``0 0`` is due at
  00:15 with run_after, and not at all that day with skip. ``*/15`` has 00:15 right after 23:45, as always.
- Pacific/Apia left out the whole of 30 December 2011. ``30 2`` of the 30th is due when the 31st begins, at
  00:00+14:00 with run_after, and on the 31st at 02:30 again; ``0 0`` of the 30th falls together with that of the 31st:
  once.
- Africa/Casablanca goes back for Ramadan: on 15 February 2026 03:00 -> 02:00 (+01:00 to +00:00) and forward again on
  22 March 02:00 -> 03:00. ``30 2`` behaves as in Berlin, with the seasons reversed.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.cron import zone
from shared.schedule import DstFold, DstGap
from tests.time.golden import lines
from tests.time.reference import due, walk

AGREED = (Path(__file__).parent / "golden.txt").read_text().splitlines()

# What the expressions mean, told without any parser. With the seed of the table H H is 02:31.
MEANINGS: dict[str, Callable[[datetime], bool]] = {
    "30 2 * * *": lambda wall: (wall.hour, wall.minute) == (2, 30),
    "*/15 * * * *": lambda wall: wall.minute in (0, 15, 30, 45),
    "0 0 * * *": lambda wall: (wall.hour, wall.minute) == (0, 0),
    "H H * * *": lambda wall: (wall.hour, wall.minute) == (2, 31),
}
# The default: fixed times run once, wildcards keep their real-time cadence. H is a fixed time.
DEFAULTS = {
    "30 2 * * *": (DstGap.RUN_AFTER, DstFold.FIRST),
    "*/15 * * * *": (DstGap.SKIP, DstFold.BOTH),
    "0 0 * * *": (DstGap.RUN_AFTER, DstFold.FIRST),
    "H H * * *": (DstGap.RUN_AFTER, DstFold.FIRST),
}
BY_CHANGE: dict[str, list[str]] = {}
for line in AGREED:
    BY_CHANGE.setdefault(line.split(" | ")[0], []).append(line)


def test_clock_changes_are_as_agreed_line_by_line() -> None:
    assert list(lines()) == AGREED


@pytest.mark.parametrize("change", BY_CHANGE)
def test_walking_every_minute_gives_every_line_of_the_table(change: str) -> None:
    name, at = change.split()
    instant, place = datetime.fromisoformat(at).astimezone(UTC), zone(name)
    walked = walk(place, instant - timedelta(hours=54), instant + timedelta(hours=54))
    for line in BY_CHANGE[change]:
        _, expression, policies, expected = (part.strip() for part in f"{line} ".split("|"))
        gap, fold = policies.split()
        policy = DEFAULTS[expression] if gap == "-" else (DstGap(gap), DstFold(fold))
        margin = timedelta(minutes=61) if expression.startswith("*") else timedelta(hours=26)
        found = [time for time in due(walked, MEANINGS[expression], *policy) if -margin < time - instant <= margin]
        assert " ".join(f"{time.astimezone(place):%d.%H:%M%z}" for time in found) == expected, line
