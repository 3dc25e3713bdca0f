"""The one place that builds engine, clients and runners; each of them on first use, none on import."""

import os
import platform
from functools import cache
from typing import TYPE_CHECKING
from uuid import uuid4

import boto3
from botocore.config import Config

from shared.clock import SteppedClock
from shared.queue.sqs import SqsTriggerQueue
from shared.runners.registry import build_runners
from shared.services import Services
from shared.settings import Settings
from shared.store.engine import connect

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient


@cache
def services() -> Services:
    """This process's services, by its environment. Raises ``BadSettings``."""
    settings = Settings.load(os.environ)
    database = connect(settings)
    return Services(
        settings=settings,
        database=database,
        queue=SqsTriggerQueue(_sqs(), settings.queue_url),
        runners=build_runners(settings.allowed_networks),
        clock=SteppedClock(database.now),
        instance=f"{platform.node()}-{uuid4().hex[:8]}",
    )


def _sqs() -> "SQSClient":
    # Short: a queue that does not answer must not hold up a tick; recover sends again.
    return boto3.client("sqs", config=Config(connect_timeout=2, read_timeout=5, retries={"max_attempts": 1}))
