"""All job types: the catalogue of what they are, and the runners that do them."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from shared.job import JsonObject
from shared.runners import JobType, Runner, http, logger, slack
from shared.runners.http_client import guarded_client
from shared.runners.network_guard import IpNetwork

BUILT_IN: Mapping[str, JobType] = {kind.name: kind for kind in (http.JOB_TYPE, slack.JOB_TYPE, logger.JOB_TYPE)}

# What a schema cannot say about an input and can be said before the job ever runs; each raises ``Invalid``.
CHECKS: Mapping[str, Callable[[JsonObject], object]] = {http.JOB_TYPE.name: http.read_request}

# Whom an input calls, as host:port; None when it does not say so as it stands.
HOSTS: Mapping[str, Callable[[JsonObject], str | None]] = {
    http.JOB_TYPE.name: http.host,
    slack.JOB_TYPE.name: slack.host,
}

# Credentials that people type into an input, beside those that its schema calls passwords.
CREDENTIALS: Mapping[str, Callable[[JsonObject], Iterable[str]]] = {
    http.JOB_TYPE.name: http.credentials,
    slack.JOB_TYPE.name: slack.credentials,
}


def build_runners(allowed_networks: Sequence[IpNetwork]) -> Mapping[str, Runner]:
    """A runner for each built-in type; they share one guarded client, which also calls ``allowed_networks``."""
    client = guarded_client(allowed_networks)
    return {
        http.JOB_TYPE.name: http.HttpRunner(client),
        slack.JOB_TYPE.name: slack.SlackRunner(client),
        logger.JOB_TYPE.name: logger.LoggerRunner(),
    }
