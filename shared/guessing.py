"""How long somebody who guesses passwords has to wait: longer each time, and never for ever. Pure."""

from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address, ip_network

# So many may fail before anybody waits. Many people may share a network.
FREE_OF_ACCOUNT, FREE_OF_NETWORK = 5, 50
LONGEST_WAIT = timedelta(minutes=15)
# Failures that long ago are forgotten.
FORGOTTEN_AFTER = timedelta(hours=1)
_NETWORK_BITS = {4: 24, 6: 64}


def account_key(login: str) -> bytes:
    """Names an account that somebody tries, whether it exists or not."""
    return sha256(b"account " + login.strip().lower().encode()).digest()


def network_key(address: str) -> bytes | None:
    """Names the network of an address; None for what is no address."""
    try:
        ip = ip_address(address)
    except ValueError:
        return None
    network = ip_network(f"{ip}/{_NETWORK_BITS[ip.version]}", strict=False)
    return sha256(b"network " + str(network).encode()).digest()


def waits_until(failures: int, free: int, failed_at: datetime) -> datetime:
    """When the next one may be tried: one second after the last that was free, and twice as long each time."""
    if failures < free:
        return failed_at
    return failed_at + min(timedelta(seconds=2.0 ** min(failures - free, 30)), LONGEST_WAIT)
