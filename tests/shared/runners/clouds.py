"""AWS for runners: moto's in this process, or a target that stands in for its endpoint."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from shared.arn import AwsTargets, parse_patterns
from shared.runners.aws import Aws
from shared.runners.aws_roles import NoClients, Roles
from shared.wiring import BotoClients
from tests.targets import Target

REGION, ACCOUNT = "eu-central-1", "123456789012"


def arn(service: str, resource: str) -> str:
    """The ARN of something in moto's account."""
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def opened(*patterns: str) -> Aws:
    """AWS of which these are open to everybody's jobs."""
    clients = BotoClients()
    return Aws(AwsTargets(parse_patterns(",".join(patterns))), clients, Roles(clients, distrust=False))


def nowhere() -> Aws:
    """AWS that is open and that nobody can call: for input that is refused before anybody is."""
    return Aws(AwsTargets(parse_patterns("*")), NoClients(), Roles(NoClients()))


def own_client(service: str) -> Any:
    """A client of the test's own, to prepare and to look."""
    make: Any = boto3.client
    return make(service, region_name=REGION)


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody's, so that nothing looks for real ones."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def aws(credentials: None) -> Iterator[Aws]:
    """All of moto, open to everybody."""
    with mock_aws(config={"lambda": {"use_docker": False}}):
        yield opened("*")


@pytest.fixture
def broken(credentials: None, monkeypatch: pytest.MonkeyPatch, target: Target) -> Aws:
    """AWS whose endpoint answers as the target says: with its ``answers``, one after the other, and its ``headers``."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"{target.url}/answers")
    return opened("*")
