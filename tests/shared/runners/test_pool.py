"""Connections are kept, but neither too many nor for too long."""

from collections.abc import Sequence

import pytest

from shared.runners import pool
from shared.runners.connection import PlainConnection
from shared.runners.http_client import HttpClient
from shared.runners.pool import MAX_IDLE, MAX_IDLE_PER_TARGET, ConnectionPool
from shared.runners.request import Request
from shared.runners.request import Target as Address
from tests.shared.runners.conftest import within
from tests.targets import Target


def opened(client: HttpClient, target: Target, count: int) -> Sequence[PlainConnection]:
    """Open connections, as the client leaves them."""
    kept = []
    for _ in range(count):
        client.send(Request.to(f"{target.url}/echo"), within(5))
        connection = client.pool.take(Address("http", "127.0.0.1", target.port))
        assert connection is not None
        kept.append(connection)
    return kept


def test_the_one_used_last_is_used_first(client: HttpClient, target: Target) -> None:
    address = Address("http", "127.0.0.1", target.port)
    first, second = opened(client, target, 2)
    client.pool.give(address, first)
    client.pool.give(address, second)
    assert client.pool.take(address) is second
    second.close()


def test_a_target_keeps_only_so_many(client: HttpClient, target: Target) -> None:
    address = Address("http", "127.0.0.1", target.port)
    connections = opened(client, target, MAX_IDLE_PER_TARGET + 1)
    for connection in connections:
        client.pool.give(address, connection)
    assert [connection.is_connected for connection in connections] == [False] + [True] * MAX_IDLE_PER_TARGET


def test_all_targets_together_keep_only_so_many(client: HttpClient, target: Target) -> None:
    connections = opened(client, target, MAX_IDLE + 1)
    for number, connection in enumerate(connections):
        client.pool.give(Address("http", f"host-{number}", 80), connection)
    assert [connection.is_connected for connection in connections] == [False] + [True] * MAX_IDLE


def test_an_old_connection_is_not_used_again(
    client: HttpClient, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = Address("http", "127.0.0.1", target.port)
    (connection,) = opened(client, target, 1)
    client.pool.give(address, connection)
    monkeypatch.setattr(pool, "MAX_AGE_SECONDS", 0)
    assert client.pool.take(address) is None
    assert not connection.is_connected


def test_connections_are_closed_with_the_pool(client: HttpClient, target: Target) -> None:
    (connection,) = opened(client, target, 1)
    own = ConnectionPool()
    own.give(Address("http", "127.0.0.1", target.port), connection)
    del own
    assert not connection.is_connected
