"""When a job that failed is tried again. Pure: what is chance or time elsewhere is an argument here.

On the wire: {"max_attempts", "backoff", "base", "cap", "jitter", "on"}.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TypeVar

from shared.errors import Fault, Invalid
from shared.failure import PASSING, FailureKind

MAX_ATTEMPTS = 200
# No attempt follows later than this after the first one began.
LONGEST = timedelta(days=7)
LONGEST_SECONDS = int(LONGEST.total_seconds())

E = TypeVar("E", bound=StrEnum)


class Backoff(StrEnum):
    """How the waits grow: doubled after each failure, or always the same."""

    EXPONENTIAL = "exponential"
    FIXED = "fixed"


class Jitter(StrEnum):
    """Whether a wait is anything between nothing and its full length, so that those who failed together part."""

    FULL = "full"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a job is tried again (``max_attempts`` more times after the first), when, and after what."""

    max_attempts: int = 3
    backoff: Backoff = Backoff.EXPONENTIAL
    base_seconds: float = 10
    cap_seconds: float = 3600
    jitter: Jitter = Jitter.FULL
    on: frozenset[FailureKind] = PASSING


def delay(policy: RetryPolicy, tries: int, retry_after: float | None, chance: float) -> float:
    """Seconds to wait after ``tries`` failures, at least what the target asked for; ``chance`` is in [0, 1)."""
    doublings = min(tries - 1, MAX_ATTEMPTS) if policy.backoff is Backoff.EXPONENTIAL else 0
    wait = min(policy.cap_seconds, policy.base_seconds * 2.0**doublings)
    jittered = wait * chance if policy.jitter is Jitter.FULL else wait
    return max(jittered, retry_after or 0)


def parse(value: object, field: str = "retry") -> RetryPolicy | None:
    """A policy from JSON; null and {"max_attempts": 0, ...} are legal, what is left out has its default.

    Raises ``Invalid`` that names every wrong field, as in ``retry.max_attempts``.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise Invalid.field(field, 'it must be an object such as {"max_attempts": 5}')
    return _Reader(value, field).policy()


def to_json(policy: RetryPolicy | None) -> dict[str, object] | None:
    """What ``parse`` reads."""
    if policy is None:
        return None
    return {
        "max_attempts": policy.max_attempts,
        "backoff": policy.backoff.value,
        "base": policy.base_seconds,
        "cap": policy.cap_seconds,
        "jitter": policy.jitter.value,
        "on": sorted(kind.value for kind in policy.on),
    }


class _Reader:
    """Reads the fields of a policy and collects what is wrong with them."""

    def __init__(self, value: Mapping[str, object], field: str) -> None:
        self._value = value
        self._field = field
        self._faults: list[Fault] = []

    def policy(self) -> RetryPolicy:
        usual = RetryPolicy()
        read = RetryPolicy(
            max_attempts=int(self._number("max_attempts", usual.max_attempts, 0, MAX_ATTEMPTS, whole=True)),
            backoff=self._word("backoff", Backoff, usual.backoff),
            base_seconds=self._number("base", usual.base_seconds, 0, LONGEST_SECONDS),
            cap_seconds=self._number("cap", usual.cap_seconds, 1, LONGEST_SECONDS),
            jitter=self._word("jitter", Jitter, usual.jitter),
            on=self._kinds(usual.on),
        )
        if not self._faults and read.base_seconds > read.cap_seconds:
            self._fault("base", f"must not be longer than cap, which is {read.cap_seconds:g}")
        if self._faults:
            raise Invalid(self._faults)
        return read

    def _number(self, name: str, usual: float, least: int, most: int, *, whole: bool = False) -> float:
        value = self._value.get(name)
        if value is None:
            return usual
        kinds = int if whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value <= most:
            what = "a whole number" if whole else "a number of seconds"
            self._fault(name, f"must be {what} from {least} to {most}")
            return usual
        return value

    def _word(self, name: str, kind: type[E], usual: E) -> E:
        value = self._value.get(name)
        if value is None:
            return usual
        if not isinstance(value, str) or value not in list(kind):
            self._fault(name, f"must be one of {', '.join(kind)}")
            return usual
        return kind(value)

    def _kinds(self, usual: frozenset[FailureKind]) -> frozenset[FailureKind]:
        value = self._value.get("on")
        if value is None:
            return usual
        if not isinstance(value, list | tuple) or not value or any(one not in list(FailureKind) for one in value):
            self._fault("on", f"must be a list of at least one of {', '.join(FailureKind)}")
            return usual
        return frozenset(FailureKind(one) for one in value)

    def _fault(self, name: str, message: str) -> None:
        self._faults.append(Fault(f"{self._field}.{name}", message))
