"""What happens when, as a list that the seed decides and anybody can read, and replay."""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from shared.failpoints import FAULTS, POINTS
from tests.faults.matrix import FUNCTION

HOUR = 3600.0


@dataclass(frozen=True, slots=True, order=True)
class Event:
    """At so many seconds after the start: what, to whom, for how many seconds or by how much."""

    at: float
    what: str
    whom: str = ""
    amount: float = 0.0

    def __str__(self) -> str:
        return " ".join(part for part in (f"{self.at:8.2f}", self.what, self.whom, f"{self.amount:g}") if part)


@dataclass(frozen=True, slots=True)
class _Habit:
    """Something that happens again and again, after between ``least`` and ``most`` seconds."""

    least: float
    most: float
    make: Callable[[random.Random, Mapping[str, int]], tuple[str, str, float]]


def _somebody(chance: random.Random, places: Mapping[str, int], *functions: str) -> str:
    function = chance.choice(functions)
    return f"{function}-{chance.randrange(places[function])}"


def _fail_point(chance: random.Random, places: Mapping[str, int]) -> tuple[str, str, float]:
    point, fault = chance.choice(POINTS), chance.choice(list(FAULTS))
    sandbox = _somebody(chance, places, FUNCTION[point.partition(".")[0]])
    return "arm", f"{sandbox} {point}={fault}", 0.0


HABITS = (
    _Habit(5, 20, lambda chance, _: (chance.choice(["restart postgres", "crash postgres"]), "", chance.uniform(0, 1))),
    _Habit(3, 12, lambda chance, places: ("kill", _somebody(chance, places, "executor"), 0.0)),
    _Habit(6, 20, lambda chance, places: ("kill", _somebody(chance, places, "creator"), 0.0)),
    _Habit(20, 60, lambda chance, places: ("kill", _somebody(chance, places, "cleaner"), 0.0)),
    _Habit(15, 40, lambda chance, places: ("freeze", _somebody(chance, places, "executor"), chance.uniform(0.5, 40))),
    _Habit(20, 50, lambda chance, places: ("freeze", _somebody(chance, places, "creator"), chance.uniform(0.5, 14))),
    _Habit(2, 8, _fail_point),
    _Habit(200, 320, lambda _chance, _places: ("queue away", "", 60.0)),
    _Habit(20, 60, lambda chance, _: ("queue away", "", chance.uniform(1, 8))),
    _Habit(20, 50, lambda chance, _: ("queue misbehaves", "", chance.uniform(10, 30))),
    _Habit(20, 50, lambda chance, _: ("rules misbehave", "", chance.uniform(10, 30))),
    _Habit(15, 45, lambda chance, places: (
        "clock off", _somebody(chance, places, "executor", "creator"), chance.choice([-HOUR, 0.0, HOUR]))),
    _Habit(30, 90, lambda chance, _: ("target slow", "", chance.uniform(3, 12))),
    _Habit(40, 120, lambda chance, _: ("target broken", "", chance.uniform(1, 6))),
)  # fmt: skip


def schedule(seed: int, seconds: float, places: Mapping[str, int]) -> list[Event]:
    """All events of a campaign, in order; ``places``: {function: how many sandboxes}."""
    found: list[Event] = []
    for number, habit in enumerate(HABITS):
        found += _of(habit, random.Random(f"{seed}/{number}"), seconds, places)
    return sorted(found)


def _of(habit: _Habit, chance: random.Random, seconds: float, places: Mapping[str, int]) -> Iterator[Event]:
    # Nothing in the first seconds: everybody may be born first.
    at = 3 + chance.uniform(0, habit.most)
    while at < seconds:
        what, whom, amount = habit.make(chance, places)
        yield Event(round(at, 2), what, whom, round(amount, 2))
        at += chance.uniform(habit.least, habit.most)
