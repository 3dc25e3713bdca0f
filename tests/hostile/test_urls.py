"""No spelling of an address inside is ever dialled: every URL of the corpus, through the job type that calls it."""

import socket
from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from shared.failure import FailureKind
from shared.runners.dialling import Dialler, SocketAddress
from shared.runners.http import HttpRunner
from shared.runners.http_client import HttpClient
from shared.runners.network_guard import NetworkGuard
from shared.runners.slack import SlackRunner
from tests.hostile.urls import NAMES, PORTS, SPELLINGS
from tests.shared.runners.conftest import within

EVERYWHERE = (ip_network("0.0.0.0/0"), ip_network("::/0"))
HARMLESS = "93.184.215.14"
CASES = (*((url, ()) for url in SPELLINGS), *NAMES.items())


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every address that somebody tried to connect to; none of them is there."""
    addresses: list[str] = []

    def connect(_sock: socket.socket, address: Any) -> None:
        addresses.append(str(address[0]))
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", connect)
    return addresses


def client(allowed: Sequence[Any], *addresses: str) -> HttpClient:
    """Names lead to these addresses; ``localhost`` to where it always leads."""

    def lookup(host: str, port: int) -> list[SocketAddress]:
        if host.lower().rstrip(".") == "localhost":
            return [(socket.AF_INET, ("127.0.0.1", port))]
        return [
            (socket.AF_INET6, (address, port, 0, 0)) if ":" in address else (socket.AF_INET, (address, port))
            for address in addresses or (HARMLESS,)
        ]

    return HttpClient(Dialler(NetworkGuard(tuple(allowed)), lookup))


def inside(address: str) -> bool:
    """Judged by the standard library and by hand, not by the table that is under test."""
    known = ip_address(address.partition("%")[0])
    return not known.is_global or known.is_multicast or known.is_reserved or address in ("168.63.129.16", "192.88.99.1")


@pytest.mark.parametrize(("url", "addresses"), CASES, ids=lambda value: ascii(value)[:60])
def test_nothing_inside_is_dialled(dialled: list[str], url: str, addresses: tuple[str, ...]) -> None:
    outcome = HttpRunner(client((), *addresses)).run({"url": url}, within(5))
    # What was read as a public name may be called: in this test its address is harmless.
    assert set(dialled) <= {HARMLESS}
    if not dialled:
        assert outcome.failure in (FailureKind.REFUSED, FailureKind.INVALID_INPUT, FailureKind.UNREACHABLE)
    assert outcome.error


@pytest.mark.parametrize(("url", "addresses"), NAMES.items())
def test_a_name_that_points_inside_is_refused_with_all_of_its_addresses(
    dialled: list[str], url: str, addresses: tuple[str, ...]
) -> None:
    outcome = HttpRunner(client((), *addresses)).run({"url": url}, within(5))
    assert outcome.failure is FailureKind.REFUSED
    assert dialled == []


def test_the_corpus_is_large_and_would_get_inside_without_the_guard(dialled: list[str]) -> None:
    assert len(CASES) + len(PORTS) >= 200
    assert len(set(CASES)) == len(CASES)
    reached = []
    for url, addresses in CASES:
        dialled.clear()
        HttpRunner(client(EVERYWHERE, *addresses)).run({"url": url}, within(5))
        reached += [url] if any(map(inside, dialled)) else []
    # The others are refused when they are read, or are the name of somebody outside.
    assert len(reached) >= 140, sorted(set(SPELLINGS) - set(reached))


@pytest.mark.parametrize("port", PORTS)
def test_ports_of_other_protocols_are_closed_even_outside(dialled: list[str], port: int) -> None:
    outcome = HttpRunner(client(())).run({"url": f"http://mail.example:{port}/"}, within(5))
    assert outcome.failure is FailureKind.REFUSED
    assert dialled == []


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "http://169.254.169.254/latest/", "http://loopback.example/"])
def test_a_webhook_is_guarded_like_any_request(dialled: list[str], url: str) -> None:
    runner = SlackRunner(client((), "127.0.0.1"))
    outcome = runner.run({"webhook_url": url, "message": "hello"}, within(5))
    assert outcome.failure in (FailureKind.REFUSED, FailureKind.INVALID_INPUT)
    assert dialled == []
