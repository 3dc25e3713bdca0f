"""How long a target asks to be left alone: the Retry-After header (RFC 9110, section 10.2.3)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from shared.retry import LONGEST_SECONDS


def retry_after(headers: Mapping[str, str], now: datetime | None) -> float | None:
    """Seconds, from 0 to 7 days; None when the target does not say, or says it in no way that is known.

    A date is compared with the target's own ``Date``, so that its clock may be wrong; without one, with ``now``.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        # More digits than any wait of this century; Python refuses to read thousands of them.
        return float(min(int(value[:20]), LONGEST_SECONDS))
    until, since = _date(value), _date(headers.get("date", "")) or now
    if until is None or since is None:
        return None
    return min(max((until - since).total_seconds(), 0.0), float(LONGEST_SECONDS))


def _date(value: str) -> datetime | None:
    """An HTTP date in any of its three forms; None for what is none."""
    try:
        found = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
