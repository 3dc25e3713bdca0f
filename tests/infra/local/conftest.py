"""What several tests of the local cloud need."""

import socket
from collections.abc import Iterator

import pytest

from shared.settings import NAMES


@pytest.fixture
def listening() -> Iterator[int]:
    """A loopback port on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that says nothing about Cronny."""
    for name in (*NAMES, "USE_PG", "AWS_ENDPOINT_URL", "CRONNY_HOME"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch
