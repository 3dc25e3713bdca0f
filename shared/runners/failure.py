"""What went wrong on the wire, as a sentence for the person whose target it is."""

import http.client
import ssl
import time

from urllib3.exceptions import ReadTimeoutError

from shared.failure import FailureKind


def sentence(error: Exception, target: str, started: float, deadline: float) -> str:
    """``target`` is host:port; ``started`` and ``deadline`` are instants of ``time.monotonic()``."""
    cause = error.__cause__ if isinstance(error.__cause__, OSError | http.client.HTTPException) else error
    if isinstance(cause, TimeoutError | ReadTimeoutError) and time.monotonic() >= deadline - 0.005:
        return no_answer_within(deadline - started)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the certificate of {target} is not valid: {cause.verify_message.rstrip('.')}"
    if isinstance(cause, ssl.SSLError):
        return f"no TLS connection to {target}: {(cause.reason or 'it broke').lower().replace('_', ' ')}"
    if isinstance(cause, ConnectionRefusedError):
        return f"the connection was refused by {cause.filename or target}"
    if isinstance(cause, ConnectionError):
        return f"{target} closed the connection without an answer"
    if isinstance(cause, TimeoutError):
        return f"cannot connect to {cause.filename or target}: no answer"
    if isinstance(cause, OSError):
        return f"cannot connect to {target}: {cause.strerror or 'the network failed'}"
    return _protocol_sentence(cause, target)


def no_answer_within(seconds: float) -> str:
    """The sentence for a deadline that passed."""
    return f"no answer within {round(seconds, 1):g} s"


def _protocol_sentence(error: Exception, target: str) -> str:
    if isinstance(error, http.client.IncompleteRead):
        return f"{target} closed the connection in the middle of its answer"
    if isinstance(error, http.client.LineTooLong) or "headers" in str(error):
        return f"{target} answered with too many or too long headers"
    return f"{target} answered with something that is not HTTP"


def of_status(status: int) -> FailureKind:
    """What kind of failure an HTTP status is that the job does not expect."""
    if status == 429:
        return FailureKind.RATE_LIMITED
    # 408: the target gave up waiting for the request; it may be repeated (RFC 9110 15.5.9).
    return FailureKind.SERVER_ERROR if status >= 500 or status == 408 else FailureKind.UNEXPECTED_STATUS
