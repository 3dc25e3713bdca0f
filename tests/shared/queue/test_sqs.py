"""SQS as boto3 sees it: batches of ten, entries that are rejected one by one, a queue that is away."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from shared.errors import Unavailable
from shared.queue import DeadMessage, decode
from shared.queue.sqs import SqsDeadLetterQueue, SqsTriggerQueue
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
    packs = [pack(number, number + 100) for number in range(1, 24)]
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


def test_dead_messages_are_received_with_their_count_and_leave_when_they_are_deleted(sqs: "SQSClient") -> None:
    url = sqs.create_queue(QueueName="triggers-dead", Attributes={"VisibilityTimeout": "0"})["QueueUrl"]
    SqsTriggerQueue(sqs, url).send([pack(1, 2)])
    dead = SqsDeadLetterQueue(sqs, url)
    (message,) = dead.receive()
    assert (message.pack, message.receives) == (pack(1, 2), 1)
    (again,) = dead.receive()
    assert (again.id, again.receives) == (message.id, 2)
    dead.delete(again)
    assert dead.receive() == []


def test_a_message_of_another_queue_that_was_received_too_often_keeps_its_id(sqs: "SQSClient") -> None:
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    attributes = {"RedrivePolicy": policy, "VisibilityTimeout": "0"}
    url = sqs.create_queue(QueueName="triggers", Attributes=attributes)["QueueUrl"]  # type: ignore[arg-type]
    sent = sqs.send_message(QueueUrl=url, MessageBody='{"triggers":[5]}')["MessageId"]
    assert sqs.receive_message(QueueUrl=url)["Messages"]
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    (message,) = SqsDeadLetterQueue(sqs, dead).receive()
    assert (message.id, message.pack) == (sent, pack(5))


def test_a_dead_letter_queue_that_does_not_exist_is_away(sqs: "SQSClient") -> None:
    dead = SqsDeadLetterQueue(sqs, "https://sqs.us-east-1.amazonaws.com/123456789012/none")
    with pytest.raises(Unavailable):
        dead.receive()
    with pytest.raises(Unavailable):
        dead.delete(DeadMessage("1", "", 1, "handle"))


@pytest.mark.parametrize(
    "body", ['{"triggers": [0]}', '{"triggers": [1e30]}', '{"triggers": [Infinity]}', "[" * 99_999]
)
def test_ids_that_no_trigger_can_have_are_none_of_ours(body: str) -> None:
    assert decode(body) is None
