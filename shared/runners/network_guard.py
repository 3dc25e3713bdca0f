"""Which addresses and ports Cronny calls for its users: those of the public internet, and no others.

The table is written out because ``ipaddress.is_global`` is not one: it lets multicast, ``::127.0.0.1``, ``fec0::1`` and
translated link-local addresses pass. Sources: IANA's special-purpose registries for IPv4 and IPv6 (RFC 6890 and what
was registered since), RFC 3879, RFC 4291, RFC 6052, RFC 7526.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network

# The first that matches gives the reason, so narrow networks come before those around them.
_REFUSED_BLOCKS = (
    ("0.0.0.0/8", "this network"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "shared by carriers"),
    ("127.0.0.0/8", "loopback"),
    ("168.63.129.16/32", "a cloud's own service"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "for protocols"),
    ("192.0.2.0/24", "for documentation"),
    ("192.31.196.0/24", "a name server sink"),
    ("192.52.193.0/24", "a multicast relay"),
    ("192.88.99.0/24", "a 6to4 relay"),
    ("192.168.0.0/16", "private"),
    ("192.175.48.0/24", "a name server sink"),
    ("198.18.0.0/15", "for benchmarks"),
    ("198.51.100.0/24", "for documentation"),
    ("203.0.113.0/24", "for documentation"),
    ("224.0.0.0/4", "multicast"),
    ("255.255.255.255/32", "broadcast"),
    ("240.0.0.0/4", "reserved"),
    ("::/128", "unspecified"),
    ("::1/128", "loopback"),
    ("::/96", "an embedded IPv4 address"),
    ("::ffff:0:0:0/96", "a translated IPv4 address"),
    ("64:ff9b:1::/48", "a local translation"),
    ("100::/64", "discarded"),
    ("100:0:0:1::/64", "a dummy prefix"),
    ("2001::/32", "a Teredo tunnel"),
    ("2001::/23", "for protocols"),
    ("2001:db8::/32", "for documentation"),
    ("2002::/16", "a 6to4 tunnel"),
    ("2620:4f:8000::/48", "a name server sink"),
    ("3fff::/20", "for documentation"),
    ("5f00::/16", "segment routing"),
    ("fc00::/7", "private"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "site-local"),
    ("ff00::/8", "multicast"),
    # Only 2000::/3 has been given out as global unicast; whatever is left of the rest is not the internet.
    ("::/3", "reserved"),
    ("4000::/2", "reserved"),
    ("8000::/1", "reserved"),
)
REFUSED: tuple[tuple[IpNetwork, str], ...] = tuple((ip_network(block), why) for block, why in _REFUSED_BLOCKS)

_NAT64 = IPv6Network("64:ff9b::/96")

# Mail, databases and the like: protocols that can be spoken to by accident through an HTTP request.
REFUSED_PORTS = frozenset[int]().union(
    (
        1,
        7,
        9,
        11,
        13,
        15,
        17,
        19,
        20,
        21,
        22,
        23,
        25,
        53,
        69,
        79,
        110,
        111,
        119,
        135,
        137,
        139,
        143,
        161,
        179,
        389,
        445,
    ),
    (465, 512, 513, 514, 515, 587, 636, 873, 993, 995, 1433, 1521, 2049, 2181, 2375, 2379, 3306, 3389, 5432, 5672),
    (6379, 6667, 9042, 9092, 9200, 9300, 11211, 27017, 27018),
)


class Refused(Exception):  # noqa: N818 - reads as `raise Refused(...)`
    """Cronny does not call this address or port; the message says which and why."""


@dataclass(frozen=True, slots=True)
class NetworkGuard:
    """Judges socket addresses, never their text. ``allowed`` networks are open whatever the table says."""

    allowed: Sequence[IpNetwork] = ()

    def check(self, address: str, port: int) -> None:
        """Raise ``Refused`` unless a request may go to this numeric address (as a socket shows it) and port."""
        judged = real_address(address)
        if any(judged in network for network in self.allowed):
            return
        why = next((why for network, why in REFUSED if judged in network), None)
        if why is not None:
            raise Refused(
                f"refused to connect to {address}: it is not on the public internet ({why}), "
                "and CRONNY_ALLOWED_NETWORKS does not open it"
            )
        if port in REFUSED_PORTS:
            raise Refused(f"refused to connect to {address}:{port}: Cronny does not call this port")


def real_address(text: str) -> IpAddress:
    """The address that packets reach: without zone, IPv4 taken out of its mapped and NAT64 forms."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else address
