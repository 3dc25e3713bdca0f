"""Breakers over the wire."""

from datetime import datetime
from typing import Annotated

from typing_extensions import TypedDict

from chalicelib.wire.described import told
from shared.breaker import BreakerState
from shared.store.breakers import ListedBreaker


class BreakerJson(TypedDict):
    """A host that has failed, and whether it is left alone."""

    host: Annotated[str, told("The host and its port, as in api.example.org:443.")]
    state: Annotated[
        BreakerState,
        told("closed: called as usual. open: left alone until probe_at. half_open: one trigger tries it."),
    ]
    failures: Annotated[int, told("How many calls in a row have failed.")]
    last_error: Annotated[str | None, told("How the last call failed.")]
    opened_at: Annotated[datetime | None, told("Since when it is left alone.")]
    probe_at: Annotated[datetime | None, told("When it is tried again.")]
    held: Annotated[int, told("How many triggers wait for it.")]


def to_json(listed: ListedBreaker) -> BreakerJson:
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
