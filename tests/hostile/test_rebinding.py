"""A name server in an attacker's hands: what it says is asked once for each connection, judged, and then held to."""

import socket
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import dns.rcode
import pytest

from shared.failure import FailureKind
from shared.outcome import Outcome
from shared.runners.dialling import Dialler
from shared.runners.http import HttpRunner
from shared.runners.http_client import HttpClient
from shared.runners.network_guard import IpNetwork, NetworkGuard
from tests.hostile.name_server import NameServer, Zone, name_server
from tests.shared.runners.conftest import within
from tests.targets import Target

OUTSIDE, OUTSIDE_6 = "93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"
INSIDE = "127.0.0.1"


@pytest.fixture
def names() -> Iterator[NameServer]:
    with name_server() as server:
        yield server


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every address that was connected to by TCP; those outside are not there."""
    addresses: list[str] = []
    connect = socket.socket.connect

    def watched(sock: socket.socket, address: Any) -> None:
        if sock.type is socket.SOCK_STREAM:
            addresses.append(address[0])
            if address[0] in (OUTSIDE, OUTSIDE_6):
                raise ConnectionRefusedError
        connect(sock, address)

    monkeypatch.setattr(socket.socket, "connect", watched)
    return addresses


def call(names: NameServer, zone: Zone, *allowed: IpNetwork, times: int = 1, port: int = 80) -> list[Outcome]:
    """So many calls of one name by one client."""
    names.zones["evil.example"] = zone
    client = HttpClient(Dialler(NetworkGuard(allowed), names.lookup))
    runner = HttpRunner(client)
    found = [runner.run({"url": f"http://evil.example:{port}/"}, within(10)) for _ in range(times)]
    client.pool.close()
    return found


def test_what_was_judged_is_what_is_dialled(names: NameServer, dialled: list[str]) -> None:
    # Harmless for whoever checks, inside for whoever asks again.
    (outcome,) = call(names, lambda times: [OUTSIDE] if times == 0 else [INSIDE])
    assert names.asked == {"evil.example": 1}
    assert dialled == [OUTSIDE]
    assert outcome.failure is FailureKind.UNREACHABLE


def test_each_connection_is_judged_anew(names: NameServer, dialled: list[str]) -> None:
    outcomes = call(names, lambda times: [OUTSIDE, INSIDE][times % 2 :][:1], times=4)
    assert [outcome.failure for outcome in outcomes] == [FailureKind.UNREACHABLE, FailureKind.REFUSED] * 2
    assert dialled == [OUTSIDE, OUTSIDE]


def test_a_kept_connection_goes_on_to_where_it_was_judged(
    names: NameServer, dialled: list[str], target: Target
) -> None:
    loopback = ip_network("127.0.0.1/32")
    zone: Zone = lambda times: [INSIDE] if times == 0 else ["127.0.0.2"]  # noqa: E731
    outcomes = call(names, zone, loopback, times=3, port=target.port)
    assert [outcome.ok for outcome in outcomes] == [True] * 3
    assert (names.asked["evil.example"], dialled, target.connections) == (1, [INSIDE], 1)


@pytest.mark.parametrize(
    "answer",
    [
        [INSIDE],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:10.0.0.1"],
        ["64:ff9b::a9fe:a9fe"],
        ["CNAME localhost.", INSIDE],
        ["CNAME a.example.", "CNAME b.example.", INSIDE],
        [OUTSIDE, INSIDE],
        [OUTSIDE_6, INSIDE],
        [OUTSIDE, "fd00:ec2::254"],
    ],
    ids=" ".join,
)
def test_whatever_leads_inside_is_refused(names: NameServer, dialled: list[str], answer: list[str]) -> None:
    (outcome,) = call(names, lambda _times: answer)
    assert outcome.failure is FailureKind.REFUSED
    assert dialled == []


@pytest.mark.parametrize("answer", [dns.rcode.NXDOMAIN, dns.rcode.SERVFAIL, dns.rcode.REFUSED, []])
def test_a_name_without_an_address_is_a_failure_that_names_it(
    names: NameServer, dialled: list[str], answer: Any
) -> None:
    (outcome,) = call(names, lambda _times: answer)
    assert outcome.failure is FailureKind.UNREACHABLE
    assert outcome.error is not None
    assert "evil.example" in outcome.error
    assert dialled == []
