"""A second opinion on due times, slow and simple enough to be believed at a glance.

It walks along UTC step by step, looks at the wall clock, and applies a policy. Of the product it uses the data of zones
and nothing else; which wall-clock times an expression means is asked of ``matches``.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from shared.schedule import DstFold, DstGap

Matches = Callable[[datetime], bool]
Shown = tuple[datetime, datetime, int, int]


@dataclass(frozen=True)
class Walk:
    """What a clock showed: instants, the wall clock at each, and which of how many times it showed that.

    ``left_out``: wall-clock times that it never showed, each with the instant at which it went on behind them.
    """

    shown: list[Shown]
    left_out: list[tuple[datetime, datetime]]


def walk(place: ZoneInfo, start: datetime, end: datetime, step: timedelta = timedelta(minutes=1)) -> Walk:
    """From ``start`` to ``end``, which belongs to it. What is repeated must lie within."""
    instants = [start + number * step for number in range((end - start) // step + 1)]
    walls = [instant.astimezone(place).replace(tzinfo=None, fold=0) for instant in instants]
    times: dict[datetime, list[datetime]] = {}
    left_out = []
    for number, (instant, wall) in enumerate(zip(instants, walls, strict=True)):
        times.setdefault(wall, []).append(instant)
        missing = walls[number - 1] + step if number else wall
        while missing < wall:
            left_out.append((missing, instant))
            missing += step
    shown = [
        (instant, wall, times[wall].index(instant), len(times[wall]))
        for instant, wall in zip(instants, walls, strict=True)
    ]
    return Walk(shown, left_out)


def due(walked: Walk, matches: Matches, gap: DstGap, fold: DstFold) -> list[datetime]:
    """The instants at which something is due that matches those wall-clock times, in order."""
    return sorted({*_on_the_clock(walked.shown, matches, fold), *_after_gaps(walked, matches, gap)})


def _on_the_clock(shown: Iterable[Shown], matches: Matches, fold: DstFold) -> set[datetime]:
    return {instant for instant, wall, which, many in shown if _counts(which, many, fold) and matches(wall)}


def _counts(which: int, many: int, fold: DstFold) -> bool:
    """Whether the time counts that comes for the ``which``-th time of ``many``, from 0 on."""
    return fold is DstFold.BOTH or which == (0 if fold is DstFold.FIRST else many - 1)


def _after_gaps(walked: Walk, matches: Matches, gap: DstGap) -> set[datetime]:
    return {resumed for wall, resumed in walked.left_out if gap is DstGap.RUN_AFTER and matches(wall)}
