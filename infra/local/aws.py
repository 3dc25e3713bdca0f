"""Clients for the AWS endpoint in use, the only place of the local cloud that knows boto3."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.client import CloudFormationClient
    from mypy_boto3_lambda.client import LambdaClient
    from mypy_boto3_logs.client import CloudWatchLogsClient
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_sqs.client import SQSClient

REGION = "us-east-1"
# Emulators accept any account; these keep botocore from looking for a real one.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
CONFIG = Config(connect_timeout=5, read_timeout=650, retries={"max_attempts": 1}, s3={"addressing_style": "path"})


@dataclass(frozen=True)
class Aws:
    """The clients of one endpoint, each built when it is first used."""

    endpoint: str

    @cached_property
    def _session(self) -> boto3.Session:
        return boto3.Session("test", "test", region_name=REGION)

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        """Stacks."""
        return self._session.client("cloudformation", endpoint_url=self.endpoint, config=CONFIG)

    @cached_property
    def functions(self) -> "LambdaClient":
        """Functions and their event sources."""
        return self._session.client("lambda", endpoint_url=self.endpoint, config=CONFIG)

    @cached_property
    def logs(self) -> "CloudWatchLogsClient":
        """Log groups."""
        return self._session.client("logs", endpoint_url=self.endpoint, config=CONFIG)

    @cached_property
    def s3(self) -> "S3Client":
        """Buckets."""
        return self._session.client("s3", endpoint_url=self.endpoint, config=CONFIG)

    @cached_property
    def sqs(self) -> "SQSClient":
        """Queues."""
        return self._session.client("sqs", endpoint_url=self.endpoint, config=CONFIG)
