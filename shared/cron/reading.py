"""Read a cron expression. croniter reads numbers, names, ranges and steps; the rest is read here."""

import re
from datetime import timedelta
from functools import lru_cache
from hashlib import blake2b

from croniter import croniter
from croniter.croniter import CroniterError

from shared.cron.days import LAST, Days, MonthDays, WeekDays
from shared.cron.nicknames import NICKNAMES, UNSUPPORTED
from shared.cron.pattern import Pattern
from shared.cron.years import years

FIELDS = ("second", "minute", "hour", "day of month", "month", "day of week", "year")
# What a fault says about a field, unless it knows better.
ALLOWED = (
    *("it takes 0 to 59", "it takes 0 to 59", "it takes 0 to 23", "it takes 1 to 31, L, L-3, LW and 15W"),
    *("it takes 1 to 12 and JAN to DEC", "it takes 0 to 7, SUN to SAT, MON#2 and FRIL", "it takes 1970 to 2199"),
)
# What H spreads over: a 29th to 31st that does not come every month would not be "once a month".
BOUNDS = ((0, 59), (0, 59), (0, 23), (1, 28), (1, 12), (0, 6))
DAY_OF_MONTH, DAY_OF_WEEK, YEAR = 3, 5, 6
_MAX_LENGTH, _MAX_TERMS = 500, 100
_NUMERIC = re.compile(r"\*|\*/\d+|[0-9A-Z]+(-[0-9A-Z]+)?(/\d+)?")
# An H that begins a term; in THU and @hourly it does not.
_SPREAD = re.compile(r"(?<![A-Z@])H", re.IGNORECASE)
_HASH = re.compile(r"H(\((\d{1,2})-(\d{1,2})\))?(/(\d{1,2}))?")
_EVERY = re.compile(r"@every +(?=\d)(?:(\d{1,5})d)?(?:(\d{1,6})h)?(?:(\d{1,7})m)?(?:(\d{1,9})s)?")


class BadCron(ValueError):  # noqa: N818
    """The expression cannot be understood, or never fires; the message says which field, where, and why."""


def read(expression: str, seed: int = 0) -> Pattern:
    """The pattern of an expression; ``seed`` decides what ``H`` stands for. Raises ``BadCron``."""
    return _read(expression, seed if spreads(expression) else 0)


@lru_cache(maxsize=4096)
def spreads(expression: str) -> bool:
    """Whether it has an ``H``, so that it means something else for every seed."""
    return _SPREAD.search(expression) is not None


@lru_cache(maxsize=4096)
def _read(expression: str, seed: int) -> Pattern:
    text = expression.strip()
    if len(text) > _MAX_LENGTH:
        raise BadCron(f"a cron expression has {_MAX_LENGTH} characters at most, this one has {len(text)}")
    if text.startswith("@"):
        return _nickname(text)
    fields = text.upper().split()
    if len(fields) not in (5, 6, 7):
        raise BadCron(
            f"a cron expression has 5 fields, 6 with seconds first, or 7 with the year last; {text!r} has {len(fields)}"
        )
    offset = 1 if len(fields) == 5 else 0
    full = (["0"] * offset + fields + ["*"])[:7]
    return _Reader(text, full, offset, seed).pattern()


def _nickname(text: str) -> Pattern:
    if text.lower() in NICKNAMES:
        return _read(NICKNAMES[text.lower()], 0)
    match = _EVERY.fullmatch(text.lower())
    if match is None:
        why = UNSUPPORTED.get(text.lower(), "is no known nickname")
        raise BadCron(f"{text!r} {why}; use {', '.join(NICKNAMES)}, or @every 1h30m")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    every = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if not timedelta(seconds=1) <= every <= timedelta(days=3660):
        raise BadCron(f"{text!r} must last from 1 second to 10 years")
    return Pattern(every=every, cadence=True)


class _Reader:
    """Reads one expression. ``fields``: all seven, upper case; ``offset``: how many of them were not written."""

    def __init__(self, text: str, fields: list[str], offset: int, seed: int) -> None:
        self.text, self.fields, self.offset, self.seed = text, fields, offset, seed

    def pattern(self) -> Pattern:
        seconds, minutes, hours, months = (self._numbers(place) for place in (0, 1, 2, 4))
        years = None if self.fields[YEAR] == "*" else self._years()
        return Pattern(
            tuple(sorted(seconds)),
            tuple(sorted(minutes)),
            tuple(sorted(hours)),
            self._days(),
            tuple(sorted(months)),
            years,
            cadence="*" in (self.fields[1][0], self.fields[2][0]),
        )

    def _days(self) -> Days:
        both = self.fields[DAY_OF_WEEK].startswith("+")
        self.fields[DAY_OF_WEEK] = self.fields[DAY_OF_WEEK].removeprefix("+")
        month, week = self._month_days(), self._week_days()
        return Days(month, week, either=not (both or month.starred or week.starred))

    def _month_days(self) -> MonthDays:
        plain, back, near = set[int](), set[int](), set[int]()
        for term in self._terms(DAY_OF_MONTH):
            if match := re.fullmatch(r"L(-(\d{1,2}))?", term):
                back.add(int(match[2] or 0))
            elif match := re.fullmatch(r"(L|\d{1,2})W", term):
                near.add(LAST if match[1] == "L" else self._single(DAY_OF_MONTH, match[1], term))
            else:
                plain |= self._expand(DAY_OF_MONTH, term)
        if max(back, default=0) > 30:
            raise self._bad(DAY_OF_MONTH, self.fields[DAY_OF_MONTH], "no month has that many days before its last")
        starred = self.fields[DAY_OF_MONTH][0] in "*?"
        return MonthDays(frozenset(plain), frozenset(back), frozenset(near), starred)

    def _week_days(self) -> WeekDays:
        plain, nth = set[int](), set[tuple[int, int]]()
        for term in self._terms(DAY_OF_WEEK):
            if match := re.fullmatch(r"([0-7]|[A-Z]{3})(#([1-5L])|L)", term):
                which = LAST if match[2] in ("L", "#L") else int(match[3])
                nth.add((self._single(DAY_OF_WEEK, match[1], term), which))
            else:
                plain |= self._expand(DAY_OF_WEEK, term)
        return WeekDays(frozenset(plain), frozenset(nth), self.fields[DAY_OF_WEEK][:1] in ("*", "?"))

    def _numbers(self, place: int) -> set[int]:
        return {number for term in self._terms(place) for number in self._expand(place, term)}

    def _terms(self, place: int) -> list[str]:
        terms = self.fields[place].split(",")
        if len(terms) > _MAX_TERMS:
            raise self._bad(place, terms[0], f"a list has {_MAX_TERMS} terms at most")
        if not all(terms):
            raise self._bad(place, self.fields[place], "a term of the list is empty")
        return terms

    def _single(self, place: int, value: str, term: str) -> int:
        return min(self._expand(place, value, term))

    def _expand(self, place: int, value: str, term: str | None = None) -> set[int]:
        """The numbers of one term; ``term`` is what the user wrote, when ``value`` is a part of it."""
        if value.startswith("H"):
            return self._spread(place, value)
        if value.startswith("?"):
            if place not in (DAY_OF_MONTH, DAY_OF_WEEK):
                raise self._bad(place, term or value, "only day of month and day of week take a question mark")
            value = "*" + value[1:]
        if value == "R" or not _NUMERIC.fullmatch(value) or not value.isascii():
            because = "random times would differ between processes" if value.startswith("R") else ""
            raise self._bad(place, term or value, because)
        try:
            line = ["0", "0", "0", "1", "1", "*", "*"]
            line[place] = value
            # croniter keeps minute, hour, day, month, weekday, second, year in this order.
            numbers = croniter.expand(" ".join(line), second_at_beginning=True)[0][(5, 0, 1, 2, 3, 4)[place]]
        except (CroniterError, ValueError, KeyError, TypeError, IndexError) as error:
            raise self._bad(place, term or value) from error
        low, high = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6))[place]
        return set(range(low, high + 1)) if "*" in numbers else {int(number) for number in numbers}

    def _years(self) -> frozenset[int]:
        found = {term: years(term) for term in self._terms(YEAR)}
        for wrong in (term for term, numbers in found.items() if numbers is None):
            raise self._bad(YEAR, wrong)
        return frozenset(year for numbers in found.values() for year in numbers or ())

    def _spread(self, place: int, term: str) -> set[int]:
        """``H``, ``H(a-b)``, ``H/n``, ``H(a-b)/n``: chosen by the seed and the field, the same in every process."""
        match = _HASH.fullmatch(term)
        low, high = BOUNDS[place]
        top = 31 if place == DAY_OF_MONTH else high
        if match is not None and match[1]:
            low, high = int(match[2]), int(match[3])
        step = int(match[5]) if match is not None and match[4] else 0
        if (
            match is None
            or not BOUNDS[place][0] <= low <= high <= top
            or (match[4] and not 1 <= step <= high - low + 1)
        ):
            raise self._bad(place, term)
        digest = int.from_bytes(blake2b(f"{self.seed}:{place}".encode(), digest_size=8).digest(), "big")
        if not step:
            return {low + digest % (high - low + 1)}
        return set(range(low + digest % step, high + 1, step))

    def _bad(self, place: int, term: str, because: str = "") -> BadCron:
        number = place + 1 - self.offset
        column = self.text.upper().find(term, self._column(number)) + 1
        told = f"field {number} ({FIELDS[place]}) of the cron expression is wrong at {column}"
        return BadCron(f"{told}: {term!r}: {because or ALLOWED[place]}")

    def _column(self, number: int) -> int:
        return [match.start() for match in re.finditer(r"\S+", self.text)][number - 1]
