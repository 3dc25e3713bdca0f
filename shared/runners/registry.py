"""All job types: the catalogue of what they are, and the runners that do them."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from shared.arn import AwsTargets
from shared.job import JsonObject
from shared.runners import (
    JobType,
    Runner,
    aws_lambda,
    docker_registry,
    ecs,
    email,
    eventbridge,
    http,
    http_type,
    image,
    logger,
    slack,
    sns,
    sqs,
)
from shared.runners.aws import Aws, AwsRunner, Read, checking
from shared.runners.aws_roles import NoClients, Roles
from shared.runners.http_client import guarded_client
from shared.runners.network_guard import IpNetwork

# In the order in which they are listed: new ones come last.
BUILT_IN: Mapping[str, JobType] = {
    kind.name: kind
    for kind in (
        http_type.JOB_TYPE,
        slack.JOB_TYPE,
        logger.JOB_TYPE,
        email.JOB_TYPE,
        aws_lambda.JOB_TYPE,
        sqs.JOB_TYPE,
        sns.JOB_TYPE,
        eventbridge.JOB_TYPE,
        ecs.JOB_TYPE,
        docker_registry.JOB_TYPE,
    )
}

# Each is one call of an AWS service, made by the function.
_IN_AWS: Mapping[str, Read] = {
    email.JOB_TYPE.name: email.read,
    aws_lambda.JOB_TYPE.name: aws_lambda.read,
    sqs.JOB_TYPE.name: sqs.read,
    sns.JOB_TYPE.name: sns.read,
    eventbridge.JOB_TYPE.name: eventbridge.read,
    ecs.JOB_TYPE.name: ecs.read,
}

# What a schema cannot say about an input and can be said before the job ever runs; each raises ``Invalid``.
CHECKS: Mapping[str, Callable[[JsonObject], object]] = {
    http_type.JOB_TYPE.name: http.check,
    **{name: checking(read) for name, read in _IN_AWS.items()},
    docker_registry.JOB_TYPE.name: image.read,
}

# Whom an input calls, as host:port or an ARN; None when it does not say so as it stands.
HOSTS: Mapping[str, Callable[[JsonObject], str | None]] = {
    http_type.JOB_TYPE.name: http.host,
    slack.JOB_TYPE.name: slack.host,
    email.JOB_TYPE.name: email.host,
    aws_lambda.JOB_TYPE.name: aws_lambda.host,
    sqs.JOB_TYPE.name: sqs.host,
    sns.JOB_TYPE.name: sns.host,
    eventbridge.JOB_TYPE.name: eventbridge.host,
    ecs.JOB_TYPE.name: ecs.host,
    docker_registry.JOB_TYPE.name: docker_registry.host,
}

# Credentials that people type into an input, beside those that its schema calls passwords.
CREDENTIALS: Mapping[str, Callable[[JsonObject], Iterable[str]]] = {
    http_type.JOB_TYPE.name: http.credentials,
    slack.JOB_TYPE.name: slack.credentials,
}


def build_runners(allowed_networks: Sequence[IpNetwork], aws: Aws | None = None) -> Mapping[str, Runner]:
    """A runner for each built-in type; they share one guarded client, which also calls ``allowed_networks``.

    Without ``aws`` no job reaches anything there.
    """
    client = guarded_client(allowed_networks)
    aws = aws or Aws(AwsTargets(), NoClients(), Roles(NoClients()))
    return {
        http_type.JOB_TYPE.name: http.HttpRunner(client),
        slack.JOB_TYPE.name: slack.SlackRunner(client),
        logger.JOB_TYPE.name: logger.LoggerRunner(),
        **{name: AwsRunner(aws, read) for name, read in _IN_AWS.items()},
        docker_registry.JOB_TYPE.name: docker_registry.DockerRegistryRunner(client),
    }
