"""Breakers over the wire."""

from typing import Any

from shared.store.breakers import ListedBreaker


def to_json(listed: ListedBreaker) -> dict[str, Any]:
    """What a client reads; ``held`` is how many triggers wait for the host."""
    breaker = listed.breaker
    return {
        "host": breaker.host,
        "state": breaker.state,
        "failures": breaker.failures,
        "last_error": breaker.last_error,
        "opened_at": breaker.opened_at,
        "probe_at": breaker.probe_at,
        "held": listed.held,
    }
