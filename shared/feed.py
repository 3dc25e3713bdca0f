"""What the URL of a calendar says, and when it is asked again. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

# Asked again at least daily; who fails is asked sooner, and less and less often.
FRESH_FOR = timedelta(hours=24)
FIRST_WAIT = timedelta(minutes=10)
# Of each wait up to so much is left out, so that those who were saved together are not asked together for ever.
SPREAD = 0.25
_DOUBLINGS = 10


@dataclass(frozen=True, slots=True)
class Feed:
    """A text, and by what its source knows it again (RFC 9110, 8.8): the values of ETag and Last-Modified."""

    text: str
    etag: str | None = None
    modified: str | None = None


def next_fetch(now: datetime, failures: int, chance: float) -> datetime:
    """When to ask next, after so many failures in a row; ``chance`` in [0, 1)."""
    wait = FIRST_WAIT * 2 ** min(failures - 1, _DOUBLINGS) if failures else FRESH_FOR
    return now + min(wait, FRESH_FOR) * (1 - SPREAD * chance)
