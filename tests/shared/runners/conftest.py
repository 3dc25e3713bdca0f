"""A target to call, and a client that may call it."""

import time
from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from shared.runners import RunContext
from shared.runners.http_client import HttpClient, guarded_client

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


@pytest.fixture
def client() -> Iterator[HttpClient]:
    """Calls loopback too; its connections are closed afterwards."""
    client = guarded_client(LOOPBACK)
    yield client
    client.pool.close()


def within(seconds: float, attempt: int = 1) -> RunContext:
    """A run that has this many seconds from now."""
    return RunContext(time.monotonic() + seconds, "key-7-1", 7, attempt)
