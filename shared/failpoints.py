"""Named places where a test makes Cronny fail, between every two steps of its protocol.

``if __debug__: reach("dispatch.committed")`` is all that the code says. In an artefact that is built for production the
byte code is compiled with that left out; elsewhere a point does nothing until ``arm`` says so, from the setting
``CRONNY_FAIL_POINTS`` (development only): ``point=fault``, separated by commas, each happening once in its process, or
``point=fault*N`` for N times in a row, or ``point=fault@N`` for the Nth time that the point is reached.
"""

import os
import re
import signal
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.errors import Unavailable

HANG_SECONDS = 3600.0

# Where a process may fail, in the order of the steps. What a crash there leaves behind is told by the verbs.
POINTS: tuple[str, ...] = (
    "create.lease_taken",
    "resume.locked",
    "resume.written",
    "resume.committed",
    "plan.locked",
    "plan.written",
    "plan.committed",
    "dispatch.locked",
    "dispatch.written",
    "dispatch.committed",
    "release.locked",
    "release.written",
    "release.committed",
    "send.one_batch_sent",
    "send.sent",
    "recover.resend_written",
    "recover.resend_committed",
    "recover.lost_locked",
    "recover.lost_written",
    "recover.lost_committed",
    "probe.written",
    "probe.committed",
    "receive.received",
    "claim.written",
    "claim.committed",
    "run.started",
    "run.answered",
    "record.written",
    "record.committed",
    "gate.probe_written",
    "gate.probe_taken",
    "sightings.written",
    "sightings.committed",
    "execute.ended",
    "drain.received",
    "drain.written",
    "drain.committed",
    "clean.trimmed",
    "clean.written",
    "clean.committed",
    "refresh.leased",
    "refresh.asked",
    "refresh.written",
    "refresh.committed",
)


class Injected(Exception):  # noqa: N818 - it is no error of anybody's
    """What the fault ``raise`` raises: an exception that nobody expects."""


@dataclass(slots=True)
class _Armed:
    fault: Callable[[Any], None]
    first: int
    last: int
    reached: int = 0


_armed: dict[str, _Armed] = {}


def reach(point: str, connection: Any = None) -> None:
    """Fail here if somebody asked for it. ``connection`` is the open transaction's, where there is one."""
    if not _armed or point not in _armed:
        return
    armed = _armed[point]
    armed.reached += 1
    if armed.first <= armed.reached <= armed.last:
        armed.fault(connection)


def arm(wanted: Mapping[str, str]) -> None:
    """Replace what is armed: {point: fault}, as ``parse`` reads it."""
    _armed.clear()
    for point, word in wanted.items():
        name, many, nth = _FAULT.fullmatch(word).groups()  # type: ignore[union-attr]  # parse has checked it
        first = int(nth or 1)
        _armed[point] = _Armed(FAULTS[name], first, first + int(many or 1) - 1)


def parse(raw: str) -> dict[str, str]:
    """``point=fault,point=fault*2`` as a mapping; raises ``ValueError`` that names what is unknown."""
    wanted = dict(part.strip().partition("=")[::2] for part in raw.split(",") if part.strip())
    for point, word in wanted.items():
        if point not in POINTS:
            raise ValueError(f"there is no fail point {point}")
        found = _FAULT.fullmatch(word)
        if found is None or found[1] not in FAULTS:
            raise ValueError(f"{point} must be one of {', '.join(FAULTS)}")
    return wanted


_FAULT = re.compile(r"([a-z_]+)(?:\*(\d{1,6}))?(?:@(\d{1,6}))?")


def _kill(_connection: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _raise(_connection: Any) -> None:
    raise Injected("a fail point raised")


def _hang(_connection: Any) -> None:
    time.sleep(HANG_SECONDS)


def _disconnect(connection: Any) -> None:
    """Cut the wire below the driver; where no transaction is open there is nothing to cut."""
    if connection is not None:
        connection.connection.dbapi_connection._usock.shutdown(socket.SHUT_RDWR)


def _lose_answer(_connection: Any) -> None:
    """What was done was done, but whoever asked reads a timeout."""
    raise Unavailable("a fail point lost the answer")


FAULTS: Mapping[str, Callable[[Any], None]] = {
    "kill": _kill,
    "raise": _raise,
    "hang": _hang,
    "disconnect": _disconnect,
    "lose_answer": _lose_answer,
}
