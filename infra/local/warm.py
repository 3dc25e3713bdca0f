"""Warms the executors: as many calls at once as the queue mapping makes, so that as many workers exist."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Thread

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.aws import Aws
from infra.local.deploy import invoke
from infra.local.home import LocalCloudError

EXECUTORS = 10


def warm_up(aws: Aws, function: str) -> None:
    """Starts warming in the background. A call that fails only leaves a worker cold."""
    Thread(target=_warm, args=(aws, function), daemon=True, name="warm-up").start()


def _warm(aws: Aws, function: str) -> None:
    with suppress(BotoCoreError, ClientError, LocalCloudError), ThreadPoolExecutor(EXECUTORS) as pool:
        for call in [pool.submit(invoke, aws, function) for _ in range(EXECUTORS)]:
            call.result()
