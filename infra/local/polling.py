"""What the queue's event source mapping does in the cloud: receives messages and hands them to the executor."""

import os
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.aws import Aws
from infra.local.context import Context
from infra.local.handlers import Handler, handler, timeout

# A long poll this short lets us stop soon after we were asked to.
WAIT_SECONDS = 2
PAUSE_SECONDS = 1.0


def run(threads: int, stop: threading.Event) -> None:
    """Each thread handles one message at a time until `stop`; a message is deleted when its handler returned."""
    execute = handler("executor")
    print(f"The executor runs in process {os.getpid()}, with {threads} at once.", flush=True)
    with ThreadPoolExecutor(threads) as pool:
        for running in [pool.submit(_poll, execute, stop) for _ in range(threads)]:
            running.result()


def _poll(execute: Handler, stop: threading.Event) -> None:
    aws, queue = Aws(os.environ.get("AWS_ENDPOINT_URL", "")), os.environ["CRONNY_QUEUE_URL"]
    while not stop.is_set():
        try:
            received = aws.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=1, WaitTimeSeconds=WAIT_SECONDS)
            for message in received.get("Messages", []):
                if _handled(execute, message):
                    aws.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        except (BotoCoreError, ClientError) as error:
            print(f"The queue does not answer: {error}", flush=True)
            stop.wait(PAUSE_SECONDS)


def _handled(execute: Handler, message: Any) -> bool:
    record = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {},
        "eventSource": "aws:sqs",
    }
    try:
        execute({"Records": [record]}, Context("cronny-executor", timeout("executor")))
    except Exception:
        # Left in the queue, as the cloud would; the database knows what to do about it before the queue does.
        traceback.print_exc()
        return False
    return True
