"""How an attempt of a job ended. Failing is an ordinary answer, so it is a value and not an exception."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.failure import NOTHING_SENT
from shared.failure import FailureKind as FailureKind
from shared.job import JobId, JsonValue


class ExecutionStatus(StrEnum):
    """The two ways in which an attempt ends."""

    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a runner answers: ``output`` is JSON (kept also for failures), ``error`` a sentence or None.

    Of a failure: its kind, whether the work may have reached its target, and how many seconds the target asked to be
    left alone.
    """

    status: ExecutionStatus
    output: JsonValue = None
    error: str | None = None
    failure: FailureKind | None = None
    maybe_sent: bool = True
    retry_after: float | None = None

    @classmethod
    def completed(cls, output: JsonValue = None) -> "Outcome":
        """The job did what it was asked."""
        return cls(ExecutionStatus.COMPLETED, output)

    @classmethod
    def failed(
        cls,
        error: str,
        output: JsonValue = None,
        kind: FailureKind = FailureKind.ERROR,
        *,
        maybe_sent: bool | None = None,
        retry_after: float | None = None,
    ) -> "Outcome":
        """The job did not; ``error`` tells a person why and what to do. Without ``maybe_sent`` the kind says it."""
        sent = kind not in NOTHING_SENT if maybe_sent is None else maybe_sent
        return cls(ExecutionStatus.FAILED, output, error, kind, sent, retry_after)

    @property
    def ok(self) -> bool:
        """Whether the chain goes on."""
        return self.status is ExecutionStatus.COMPLETED


@dataclass(frozen=True, slots=True)
class JobExecution:
    """The record of one attempt of one job in one trigger. ``final``: it failed, and is not tried again by itself."""

    job_id: JobId
    job_name: str
    job_type: str
    input: JsonValue
    outcome: Outcome
    started_at: datetime
    finished_at: datetime
    final: bool = False
