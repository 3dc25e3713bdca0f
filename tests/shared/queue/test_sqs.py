"""SQS as boto3 sees it: batches of ten, entries that are rejected one by one, a queue that is away."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from shared.errors import Unavailable
from shared.queue import decode
from shared.queue.sqs import SqsTriggerQueue
from shared.trigger import TriggerId

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> Iterator["SQSClient"]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield boto3.client("sqs", region_name="us-east-1")


def pack(*ids: int) -> tuple[TriggerId, ...]:
    return tuple(TriggerId(number) for number in ids)


def test_packs_arrive_as_they_were_sent(sqs: "SQSClient") -> None:
    url = sqs.create_queue(QueueName="triggers")["QueueUrl"]
    packs = [pack(number, number + 100) for number in range(23)]
    assert SqsTriggerQueue(sqs, url).send(packs) == 23
    arrived = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        arrived += [decode(message["Body"]) for message in messages]
    assert sorted(filter(None, arrived)) == packs


def test_a_queue_that_does_not_exist_is_away(sqs: "SQSClient") -> None:
    with pytest.raises(Unavailable):
        SqsTriggerQueue(sqs, "https://sqs.us-east-1.amazonaws.com/123456789012/none").send([pack(1)])


def test_an_endpoint_that_refuses_is_away() -> None:
    client = boto3.client(
        "sqs",
        region_name="us-east-1",
        endpoint_url="http://127.0.0.1:1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"max_attempts": 0}),
    )
    with pytest.raises(Unavailable):
        SqsTriggerQueue(client, "http://127.0.0.1:1/000000000000/triggers").send([pack(1)])


def test_entries_that_sqs_rejects_are_not_counted(sqs: "SQSClient", monkeypatch: pytest.MonkeyPatch) -> None:
    url = sqs.create_queue(QueueName="triggers")["QueueUrl"]

    def reject_the_first(**call: Any) -> Any:
        first, *rest = call["Entries"]
        return {"Successful": [{"Id": entry["Id"]} for entry in rest], "Failed": [{"Id": first["Id"]}]}

    monkeypatch.setattr(sqs, "send_message_batch", reject_the_first)
    assert SqsTriggerQueue(sqs, url).send([pack(1), pack(2), pack(3)]) == 2
