"""The few errors that decide something. A failing job is an ``Outcome``, not one of these."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a request: the field as the client wrote it (``jobs[1].condition``) and what to do."""

    field: str
    message: str


class CronnyError(Exception):
    """Base of every error that a caller may see; its message is meant for people."""


class Invalid(CronnyError):  # noqa: N818 - reads as `raise Invalid(...)`
    """The request was understood and is wrong; carries every fault found, not only the first."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{fault.field}: {fault.message}" for fault in self.faults))

    @classmethod
    def field(cls, field: str, message: str) -> "Invalid":
        """An ``Invalid`` of a single fault."""
        return cls([Fault(field, message)])


class NotFound(CronnyError):  # noqa: N818
    """No such row, or it belongs to somebody else: the two are never told apart."""


class Conflict(CronnyError):  # noqa: N818
    """The request is right but the state of the world forbids it: a taken name, a row in use."""


class OverQuota(Conflict):
    """The request is right, and more than its user may have; carries each limit that it would break."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{fault.field}: {fault.message}" for fault in self.faults))


class Busy(Conflict):
    """Somebody is at the same thing right now; asking again in a moment decides it."""


class NotSignedIn(CronnyError):  # noqa: N818
    """No credentials, or credentials that no longer hold."""


class Forbidden(CronnyError):  # noqa: N818
    """The credentials hold, and do not stretch this far."""


class TooMany(CronnyError):  # noqa: N818
    """Too often; ``retry_after`` seconds from now it may be tried again."""

    def __init__(self, message: str, retry_after: float) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class Unavailable(CronnyError):  # noqa: N818
    """The database or the queue is away; the same request may succeed later."""


class TooSlow(Unavailable):
    """The database gave up on a statement that took too long."""


class KeyAway(Unavailable):
    """The key that secrets are sealed under is away, or was never set up."""
