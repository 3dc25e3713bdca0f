"""Which host a job calls, once its input is made: the key of its breaker."""

from collections.abc import Mapping

from shared.job import JsonValue
from shared.runners.registry import HOSTS

# A name has at most 253 characters (RFC 1035 2.3.4); what is longer leads nowhere, and would not fit into an index.
MAX_HOST_CHARACTERS = 260


def host_of(job_type: str, job_input: JsonValue) -> str | None:
    """``host:port``; None for a job that calls none, or whose input does not say which."""
    read = HOSTS.get(job_type)
    host = read(job_input) if read is not None and isinstance(job_input, Mapping) else None
    return host if host is not None and len(host) <= MAX_HOST_CHARACTERS else None
