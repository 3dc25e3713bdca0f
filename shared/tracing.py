"""W3C Trace Context: by which a trigger's requests are found again in the traces of those whom they call. Pure.

https://www.w3.org/TR/trace-context/
"""

import hashlib
import secrets

from shared.settings import Settings

HEADER = "traceparent"
_SAMPLED = "01"


def trace_id(settings: Settings, trigger_id: int) -> str:
    """The same 32 hexadecimal digits for every attempt and every job of a trigger, and for whoever asks.

    Every installation counts its triggers from 1, so where its rows and its messages are is in it. By a hash, because
    those who are called must not learn from it where that is.
    """
    installation = f"{settings.db_host}/{settings.db_name}\n{settings.queue_url}"
    return hashlib.sha256(f"trace of a trigger\n{installation}\n{trigger_id}".encode()).hexdigest()[:32]


def traceparent(of_trace: str) -> str:
    """The header of one request: each is a span of its own. Sampled, or most targets would not keep it."""
    return f"00-{of_trace}-{secrets.token_hex(8)}-{_SAMPLED}"
