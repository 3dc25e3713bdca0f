"""Free TCP ports on loopback, remembered from one start to the next."""

import socket
import time
from pathlib import Path

LOOPBACK = "127.0.0.1"
PATIENCE_SECONDS = 3.0


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """Any free loopback port."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def remembered_port(file: Path) -> int:
    """The port written in `file` if it is free, or soon gets free, else a new one, which is written there."""
    text = file.read_text().strip() if file.exists() else ""
    if text.isdigit() and _gets_free(int(text)):
        return int(text)
    port = free_port()
    file.write_text(str(port))
    return port


def _gets_free(port: int) -> bool:
    """A killed server's children may hold its port for a moment longer."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_free(port):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def answers(port: int) -> bool:
    """Whether something accepts connections on this loopback port."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True
