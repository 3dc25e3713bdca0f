"""Cron expressions: the only package that knows croniter, and the only one that knows where the time zones come from.

reading   an expression becomes a ``Pattern``
pattern   the numbers each field allows, and the wall-clock times that follow from them
days      which days of a month a rule picks
zones     IANA zones from the pinned tzdata, and the instants at which their clocks change
gaps      how close its times come to each other
found     due times that were found are kept, so that equal questions are answered once
fires     a pattern's wall-clock times become instants, by the schedule's policies for clock changes

docs/cron.md says what an expression may contain and what is promised when the clock changes.
"""

from shared.cron.fires import check, next_fire, upcoming
from shared.cron.gaps import smallest_gap
from shared.cron.pattern import Pattern
from shared.cron.reading import BadCron, read, spreads
from shared.cron.zones import Change, next_change, zone

__all__ = [
    "BadCron",
    "Change",
    "Pattern",
    "check",
    "next_change",
    "next_fire",
    "read",
    "smallest_gap",
    "spreads",
    "upcoming",
    "zone",
]
