"""A timing in plain English: "Every day at 09:00 in Berlin". Pure: nothing is read, no time is asked."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from shared import cron
from shared.cron.days import LAST, Days, MonthDays, WeekDays
from shared.cron.pattern import Pattern
from shared.intervals import interval_seconds
from shared.schedule import ScheduleType, ScheduleUnit, Timing

WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_ENDINGS = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd", 31: "st"}
ORDINALS = tuple(f"{day}{_ENDINGS.get(day, 'th')}" for day in range(1, 32))
CLOCK = tuple(f"{number:02}" for number in range(60))
# More clock times than this are told by hour and minute instead of one by one.
FEW = 6


def describe(timing: Timing) -> str:
    """One sentence without a full stop; raises ``ValueError`` for a timing that cannot be read."""
    place = city(timing.timezone)
    if timing.schedule_type is ScheduleType.ABSOLUTE:
        instant = datetime.fromisoformat(timing.schedule_value).astimezone(cron.zone(timing.timezone))
        clock = _clock(instant.hour, instant.minute, instant.second)
        return f"Once, on {instant:%A}, {instant.day} {instant:%B %Y}, at {clock} in {place}"
    if timing.schedule_unit is not ScheduleUnit.CRON:
        length = _length(timing)
        if timing.schedule_type is ScheduleType.RELATIVE:
            return f"{length} after the end of the previous run"
        return f"Every {length.removeprefix('1 ')}"
    pattern = cron.read(timing.schedule_value, timing.seed)
    if pattern.every is not None:
        return f"Every {duration(pattern.every).removeprefix('1 ')}"
    sentence = f"{_when(pattern)} in {place}"
    return sentence[0].upper() + sentence[1:]


def city(timezone: str) -> str:
    """What people call a zone: ``America/Argentina/Buenos_Aires`` is Buenos Aires, and UTC stays UTC."""
    name = timezone.rpartition("/")[2].replace("_", " ")
    return timezone if timezone.startswith("Etc/") and name not in ("UTC", "GMT") else name


def duration(length: timedelta) -> str:
    """``1 hour and 30 minutes``; whole seconds from 1 on."""
    seconds = int(length.total_seconds())
    parts = []
    for name, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {name}{'s' if count > 1 else ''}")
    return _list(parts)


def _length(timing: Timing) -> str:
    """An interval as its user wrote it where it is a number of units; an ISO 8601 duration in full."""
    unit, value = timing.schedule_unit, timing.schedule_value
    if unit is None or unit.seconds is None or not value.isdecimal():
        return duration(timedelta(seconds=interval_seconds(value, unit)))
    return f"{int(value)} {unit}{'s' if int(value) != 1 else ''}"


def _when(pattern: Pattern) -> str:
    seconds, minutes, hours = pattern.seconds, pattern.minutes, pattern.hours
    dates = _dates(pattern)
    if len(seconds) == 1 and len(minutes) * len(hours) <= FEW:
        shown = [_clock(hour, minute, seconds[0]) for hour in hours for minute in minutes]
        return f"{dates or 'every day'} at {_list(shown)}"
    parts = [] if seconds == (0,) else [_cycle(seconds, "second", "minute")]
    step = _step(hours, 24)
    if parts or minutes != (0,):
        parts += [] if len(minutes) == 60 and parts else [_cycle(minutes, "minute", "hour")]
    elif not step or hours[0]:
        parts.append("every hour")
    if step and len(hours) in range(2, 24) and not hours[0]:
        parts.append(f"every {step} hours")
    elif len(hours) < 24:
        parts.append(f"in the hour{'s' if len(hours) > 1 else ''} {_runs([f'{hour:02}' for hour in hours], CLOCK)}")
    elif not parts:
        parts.append("every hour")
    return ", ".join([*parts, dates] if dates else parts)


def _dates(pattern: Pattern) -> str:
    """``on the 1st of the month``, ``from Monday to Friday in May``; empty for every day."""
    named = [MONTHS[month - 1] for month in pattern.months]
    months = "" if len(named) == 12 else _runs(named, MONTHS)
    days = _days(pattern.days, months or "the month") if pattern.days else ""
    if months and "of " + months not in days:
        days = f"{days or 'every day'} in {months}"
    if pattern.years is None:
        return days
    years = sorted(pattern.years)
    more = " and so on" if len(years) > FEW else ""
    return f"{days or 'every day'} in {_list([str(year) for year in years[:FEW]])}{more}"


def _days(days: Days, month: str) -> str:
    parts = [part for part in (_month_days(days.month, month), _week_days(days.week, month)) if part]
    return " or ".join(parts) if days.either else ", but only ".join(parts)


def _month_days(days: MonthDays, month: str) -> str:
    if len(days.plain) == 31:
        return ""
    named = [_runs([ORDINALS[day - 1] for day in sorted(days.plain)], ORDINALS)] if days.plain else []
    named += ["last day" if not back else f"{ORDINALS[back]} last day" for back in sorted(days.before_last)]
    named += [
        "last working day" if day == LAST else f"working day nearest the {ORDINALS[day - 1]}"
        for day in sorted(days.near)
    ]
    return f"on the {_list(named)} of {month}"


def _week_days(days: WeekDays, month: str) -> str:
    if len(days.plain) == 7:
        return ""
    monday_first = sorted(days.plain, key=lambda day: (day - 1) % 7)
    named = [_runs([WEEKDAYS[day] for day in monday_first], (*WEEKDAYS[1:], WEEKDAYS[0]))] if days.plain else []
    for weekday, nth in sorted(days.nth):
        named.append(f"the {'last' if nth == LAST else ORDINALS[nth - 1]} {WEEKDAYS[weekday]} of {month}")
    text = _list(named)
    return f"from {text}" if " to " in text and " and " not in text else f"on {text}"


def _cycle(numbers: Sequence[int], unit: str, whole: str) -> str:
    """``every 15 minutes``, or ``at minutes 3 and 7 of the hour``."""
    step = _step(numbers, 60)
    if step == 1:
        return f"every {unit}"
    if step and len(numbers) > 1:
        return f"every {step} {unit}s" + (f" from {unit} {numbers[0]} on" if numbers[0] else "")
    plural = "s" if len(numbers) > 1 else ""
    return f"at {unit}{plural} {_list([str(number) for number in numbers])} of the {whole}"


def _step(numbers: Sequence[int], size: int) -> int | None:
    """The distance of numbers that go round evenly; None when they do not."""
    step = numbers[1] - numbers[0] if len(numbers) > 1 else size
    return step if list(numbers) == list(range(numbers[0] % step, size, step)) and size % step == 0 else None


def _runs(names: Sequence[str], order: Sequence[str]) -> str:
    """Names joined, three or more neighbours drawn together: ``Monday to Friday and Sunday``."""
    runs: list[list[str]] = []
    for name in names:
        if runs and order.index(name) == order.index(runs[-1][-1]) + 1:
            runs[-1].append(name)
        else:
            runs.append([name])
    shown = [[f"{run[0]} to {run[-1]}"] if len(run) > 2 else run for run in runs]
    return _list([name for run in shown for name in run])


def _clock(hour: int, minute: int, second: int) -> str:
    return f"{hour:02}:{minute:02}" + (f":{second:02}" if second else "")


def _list(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
