"""Recurrence rules of iCalendar (RFC 5545, 3.3.10) by day: every period is looked at once, up to an end. Pure.

A library would follow a rule that matches no day to the year 9999; here nothing goes past ``until``.
"""

import re
from calendar import monthrange
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from itertools import islice

_NUMBERED = {"BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS"}
_PARTS = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY"} | _NUMBERED
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_ONE = timedelta(days=1)

Rule = Mapping[str, str]
Fits = Callable[[date], bool]
Looked = Callable[[int], None]


def read(text: str) -> dict[str, str]:
    """The parts of a rule; raises ``ValueError`` for what cannot be followed."""
    rule = dict(part.partition("=")[::2] for part in text.upper().strip(";").split(";"))
    if unknown := set(rule) - _PARTS:
        raise ValueError(f"RRULE has a part that is not supported: {min(unknown)[:40]}")
    if rule.get("FREQ") not in ("DAILY", "WEEKLY", "MONTHLY", "YEARLY"):
        raise ValueError("RRULE repeats by FREQ=DAILY, WEEKLY, MONTHLY or YEARLY")
    wrong = [name for name in ("INTERVAL", "COUNT") if not re.fullmatch(r"[1-9]\d{0,5}", rule.get(name, "1"), re.ASCII)]
    wrong += [name for name in rule if name in _NUMBERED and not _numbers(rule, name)]
    wrong += [name for name in ("BYDAY", "WKST") if name in rule and not _weekdays(rule, name)]
    if wrong:
        raise ValueError(f"RRULE: {wrong[0]}={rule[wrong[0]][:60]} cannot be read")
    if "BYWEEKNO" in rule and (rule["FREQ"] != "YEARLY" or any(place for place, _ in _weekdays(rule, "BYDAY"))):
        raise ValueError("RRULE: BYWEEKNO goes with FREQ=YEARLY, and with a BYDAY without numbers")
    return rule


def days(
    rule: Rule, first: date, until: date, since: date = date.min, looked_at: Looked = lambda _days: None
) -> Iterator[date]:
    """The days of a rule that was ``read``, from ``first`` on, which counts only if it fits, up to ``until``.

    Those before ``since`` may be left out, unless they have to be counted. ``looked_at`` is told how many days it takes
    to find them, again and again; what it raises ends the search.
    """
    start = first if "COUNT" in rule else max(first, since)
    found = (day for day in _unbounded(rule, first, start, until, looked_at) if first <= day <= until)
    return islice(found, int(rule["COUNT"]) if "COUNT" in rule else None)


def _unbounded(rule: Rule, first: date, start: date, until: date, looked_at: Looked) -> Iterator[date]:
    fits = _filter(rule, first)
    positions = _numbers(rule, "BYSETPOS")
    for period in _periods(rule, first, start, until):
        looked_at(len(period))
        fitting = [day for day in period if fits(day)]
        if positions:
            places = {place - 1 if place > 0 else len(fitting) + place for place in positions}
            fitting = [day for place, day in enumerate(fitting) if place in places]
        yield from fitting


def _periods(rule: Rule, first: date, begin: date, until: date) -> Iterator[list[date]]:
    """The days of each period that the interval reaches from ``first`` on, beginning with the last one by ``begin``."""
    every = int(rule.get("INTERVAL", "1"))
    if rule["FREQ"] in ("DAILY", "WEEKLY"):
        length = 1 if rule["FREQ"] == "DAILY" else 7
        week_starts = _DAYS.index(rule.get("WKST", "MO"))
        start = first if length == 1 else first - ((first.weekday() - week_starts) % 7) * _ONE
        start += max((begin - start).days, 0) // (every * length) * (every * length) * _ONE
        while start <= until:
            yield [start + number * _ONE for number in range(length)]
            start += every * length * _ONE
        return
    months = 1 if rule["FREQ"] == "MONTHLY" else 12
    month = first.year * 12 + (first.month - 1 if months == 1 else 0)
    skipped = begin.year * 12 + begin.month - 1 - month
    month += max(skipped, 0) // (every * months) * (every * months)
    while month <= until.year * 12 + until.month - 1:
        start, end = date(month // 12, month % 12 + 1, 1), month + months
        length = (date(end // 12, end % 12 + 1, 1) - start).days
        yield [start + number * _ONE for number in range(length)]
        month += every * months


def _filter(rule: Rule, first: date) -> Fits:
    """Whether a day of a period fits; what a rule leaves open, the first day says."""
    months, month_days, year_days = (_numbers(rule, name) for name in ("BYMONTH", "BYMONTHDAY", "BYYEARDAY"))
    weekdays, weeks = _weekdays(rule, "BYDAY"), _numbers(rule, "BYWEEKNO")
    week_starts = _DAYS.index(rule.get("WKST", "MO"))
    if not (month_days or year_days or weekdays):
        if rule["FREQ"] == "WEEKLY" or weeks:
            weekdays = {(0, first.weekday())}
        elif rule["FREQ"] != "DAILY":
            month_days = {first.day}
            months = months or ({first.month} if rule["FREQ"] == "YEARLY" else set())
    of_year = rule["FREQ"] == "YEARLY" and "BYMONTH" not in rule

    def fits(day: date) -> bool:
        if months and day.month not in months:
            return False
        if month_days and not {day.day, day.day - monthrange(day.year, day.month)[1] - 1} & month_days:
            return False
        if year_days and not _of_year(day) & year_days:
            return False
        if weeks and not _of_weeks(day, week_starts) & weeks:
            return False
        return not weekdays or any((place, day.weekday()) in weekdays for place in _places(day, of_year))

    return fits


def _of_year(day: date) -> set[int]:
    """Which day of its year it is, counted from both ends."""
    number = day.timetuple().tm_yday
    return {number, number - date(day.year, 12, 31).timetuple().tm_yday - 1}


def _of_weeks(day: date, week_starts: int) -> set[int]:
    """Which week it is in, counted from both ends of the year that has most days of that week (RFC 5545, BYWEEKNO)."""
    middle = day + (3 - (day.weekday() - week_starts) % 7) * _ONE
    number = (middle.timetuple().tm_yday - 1) // 7 + 1
    return {number, -((date(middle.year, 12, 31) - middle).days // 7) - 1}


def _places(day: date, of_year: bool) -> tuple[int, int, int]:
    """0 for any; which one of its weekday it is in the month or the year, counted from both ends."""
    if of_year:
        from_start, from_end = day.timetuple().tm_yday - 1, (date(day.year, 12, 31) - day).days
    else:
        from_start, from_end = day.day - 1, monthrange(day.year, day.month)[1] - day.day
    return 0, from_start // 7 + 1, -(from_end // 7) - 1


def _numbers(rule: Rule, name: str) -> set[int]:
    """The numbers of a part; empty when one of them is none."""
    texts = rule[name].split(",") if name in rule else []
    if not all(re.fullmatch(r"[+-]?0*[1-9]\d{0,2}", text, re.ASCII) for text in texts):
        return set()
    return {int(text) for text in texts}


def _weekdays(rule: Rule, name: str) -> set[tuple[int, int]]:
    """Weekdays, each with which one of them it is, 0 for all; empty when one of them cannot be read."""
    found = [re.fullmatch(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)", text) for text in rule.get(name, "").split(",")]
    return {(int(one[1] or 0), _DAYS.index(one[2])) for one in found if one} if all(found) else set()
