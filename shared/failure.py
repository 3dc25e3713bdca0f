"""What kinds of failure there are: retry policies choose by them, and people read them beside the sentence."""

from enum import StrEnum


class FailureKind(StrEnum):
    """Why a job failed.

    - ``unreachable``: nothing was sent (no such host, refused, no connection in time, TLS)
    - ``no_answer``: it was sent, at least in part, but the answer was lost, late or not understood
    - ``rate_limited``: status 429; ``server_error``: status 5xx or 408; ``unexpected_status``: any other
    - ``assertion_failed``: the answer came, and is not as the job's assertions want it
    - ``invalid_input``: the job's input cannot be used; ``refused``: Cronny does not call this address
    - ``key_away``: a secret that it names cannot be opened at the moment
    - ``crashed``: the job type's runner broke; ``error``: anything else
    """

    UNREACHABLE = "unreachable"
    NO_ANSWER = "no_answer"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    UNEXPECTED_STATUS = "unexpected_status"
    ASSERTION_FAILED = "assertion_failed"
    INVALID_INPUT = "invalid_input"
    REFUSED = "refused"
    KEY_AWAY = "key_away"
    CRASHED = "crashed"
    ERROR = "error"


# What may be gone the next time.
PASSING = frozenset(
    (
        *(FailureKind.UNREACHABLE, FailureKind.NO_ANSWER, FailureKind.RATE_LIMITED, FailureKind.SERVER_ERROR),
        FailureKind.KEY_AWAY,
    )
)
# After these nothing has left Cronny.
NOTHING_SENT = frozenset(
    (FailureKind.UNREACHABLE, FailureKind.INVALID_INPUT, FailureKind.REFUSED, FailureKind.KEY_AWAY)
)
