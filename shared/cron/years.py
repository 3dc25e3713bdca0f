"""The field of years. croniter's end in 2099; those of the Open Cron Pattern Specification (1.2, 4.2) in 2199."""

import re

FIRST, LAST = 1970, 2199
_TERM = re.compile(r"(\*|(\d{4})(?:-(\d{4}))?)(?:/(\d{1,3}))?", re.ASCII)


def years(term: str) -> range | None:
    """The years of one term: ``2030``, ``2030-2040``, ``*/2``, ``2031/2`` (to the end); None when it is none."""
    match = _TERM.fullmatch(term)
    if match is None:
        return None
    first, step = int(match[2] or FIRST), int(match[4] or 1)
    last = int(match[3] or (LAST if match[1] == "*" or match[4] else first))
    if step == 0 or not FIRST <= first <= last <= LAST:
        return None
    return range(first, last + 1, step)
