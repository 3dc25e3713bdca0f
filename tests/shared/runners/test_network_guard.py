"""No address inside, however it is spelt."""

import socket
from ipaddress import ip_network

import pytest

from shared.runners.network_guard import REFUSED, NetworkGuard, Refused


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "169.254.170.2",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.19.0.1",
        "203.0.113.9",
        "224.0.0.1",
        "239.255.255.255",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:0:127.0.0.1",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "5f00::1",
        "4000::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%lo",
        "fec0::1",
        "ff02::1",
    ],
)
def test_refuses_what_is_not_the_public_internet(address: str) -> None:
    with pytest.raises(Refused, match="not on the public internet"):
        NetworkGuard().check(address, 443)


@pytest.mark.parametrize("address", ["1.1.1.1", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_lets_the_public_internet_pass(address: str) -> None:
    NetworkGuard().check(address, 443)


def test_every_block_of_the_table_is_refused_from_its_first_to_its_last_address() -> None:
    for network, _ in REFUSED:
        for address in (network[0], network[-1]):
            if getattr(address, "ipv4_mapped", None) is None:
                with pytest.raises(Refused):
                    NetworkGuard().check(str(address), 443)


@pytest.mark.parametrize("port", [25, 110, 143, 465, 587, 993, 995, 1433, 1521, 3306, 5432, 6379, 9200, 11211, 27017])
def test_refuses_mail_and_database_ports(port: int) -> None:
    with pytest.raises(Refused, match=f"1.1.1.1:{port}"):
        NetworkGuard().check("1.1.1.1", port)


def test_allowed_networks_open_their_addresses_and_all_ports_there() -> None:
    guard = NetworkGuard((ip_network("127.0.0.0/8"),))
    guard.check("127.0.0.1", 5432)
    guard.check("::ffff:127.0.0.1", 80)
    with pytest.raises(Refused):
        guard.check("::1", 80)


@pytest.mark.parametrize("spelling", ["127.1", "0177.0.0.1", "0x7f000001", "2130706433", "１２７.0.0.1"])
def test_judges_the_socket_address_and_not_its_spelling(spelling: str) -> None:
    found = socket.getaddrinfo(spelling, 80, flags=socket.AI_NUMERICHOST)
    with pytest.raises(Refused):
        NetworkGuard().check(str(found[0][4][0]), 80)
