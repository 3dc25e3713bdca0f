"""The sqs job type, against moto's queues."""

from typing import Any

import pytest

from shared.outcome import FailureKind, Outcome
from shared.runners import RunContext, sqs
from shared.runners.aws import Aws, AwsRunner
from tests.shared.runners.clouds import arn, aws, credentials, nowhere, own_client
from tests.shared.runners.conftest import within

__all__ = ["aws", "credentials"]

BY_URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders"


def sent(aws: Aws, queue: str = "orders", context: RunContext | None = None, **fields: Any) -> Outcome:
    given = {"queue_arn": arn("sqs", queue), "message": "hello", **fields}
    return AwsRunner(aws, sqs.read).run(given, context or within(5))


def messages(queue: str = "orders") -> list[Any]:
    client = own_client("sqs")
    url = client.get_queue_url(QueueName=queue)["QueueUrl"]
    names = {"MessageAttributeNames": ["All"], "MessageSystemAttributeNames": ["All"], "MaxNumberOfMessages": 10}
    return list(client.receive_message(QueueUrl=url, **names).get("Messages", []))


@pytest.fixture
def queues(aws: Aws) -> Aws:
    """With two queues."""
    client = own_client("sqs")
    client.create_queue(QueueName="orders")
    client.create_queue(QueueName="line.fifo", Attributes={"FifoQueue": "true"})
    return aws


def test_a_message_arrives_with_its_attributes(queues: Aws) -> None:
    outcome = sent(queues, attributes={"kind": "new", "count": 3, "urgent": True})
    (message,) = messages()
    assert isinstance(outcome.output, dict), outcome.error
    assert outcome.output["message_id"] == message["MessageId"]
    assert outcome.output["status"] == 200
    assert message["Body"] == "hello"
    shown = {name: (it["DataType"], it["StringValue"]) for name, it in message["MessageAttributes"].items()}
    assert shown == {"kind": ("String", "new"), "count": ("Number", "3"), "urgent": ("String", "true")}


def test_json_is_written_out(queues: Aws) -> None:
    sent(queues, message={"a": [1, None]})
    assert messages()[0]["Body"] == '{"a":[1,null]}'


def test_a_fifo_queue_drops_what_another_attempt_sent_already(queues: Aws) -> None:
    assert sent(queues, "line.fifo").ok
    assert sent(queues, "line.fifo", within(5, attempt=2)).ok
    (message,) = messages("line.fifo")
    assert message["Attributes"]["MessageGroupId"] == "cronny-trigger-7"
    assert message["Attributes"]["MessageDeduplicationId"] == "key-7-1"


def test_a_fifo_queue_takes_the_ids_that_a_job_chooses(queues: Aws) -> None:
    sent(queues, "line.fifo", group_id="g", deduplication_id="one")
    sent(queues, "line.fifo", group_id="g", deduplication_id="two")
    attributes = [message["Attributes"] for message in messages("line.fifo")]
    assert [it["MessageDeduplicationId"] for it in attributes] == ["one", "two"]
    assert {it["MessageGroupId"] for it in attributes} == {"g"}


def test_a_delayed_message_is_not_there_yet(queues: Aws) -> None:
    assert sent(queues, delay_seconds=600).ok
    assert messages() == []


def test_a_queue_that_does_not_exist_fails_the_job(queues: Aws) -> None:
    outcome = sent(queues, "nowhere")
    assert (outcome.failure, outcome.maybe_sent) == (FailureKind.UNEXPECTED_STATUS, False)
    assert "NonExistentQueue" in (outcome.error or "")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"queue_arn": BY_URL}, "queue_arn"),
        ({"queue_arn": arn("sns", "orders")}, "queue_arn"),
        ({"message": None}, "message"),
        ({"message": ""}, "message"),
        ({"delay_seconds": 901}, "delay_seconds"),
        ({"delay_seconds": True}, "delay_seconds"),
        ({"delay_seconds": 1, "queue_arn": arn("sqs", "line.fifo")}, "delay_seconds"),
        ({"group_id": "g"}, "group_id"),
        ({"group_id": "a b", "queue_arn": arn("sqs", "line.fifo")}, "group_id"),
        ({"deduplication_id": "d"}, "deduplication_id"),
        ({"attributes": []}, "attributes"),
        ({"attributes": dict.fromkeys("abcdefghijk", "x")}, "attributes"),
        ({"attributes": {"a b": "x"}}, "attributes.a b"),
        ({"attributes": {"a": None}}, "attributes.a"),
        ({"attributes": {"a": ["x"]}}, "attributes.a"),
    ],
)
def test_input_that_cannot_be_used_names_the_field(fields: dict[str, Any], field: str) -> None:
    outcome = sent(nowhere(), **fields)
    assert (outcome.failure, outcome.maybe_sent) == (FailureKind.INVALID_INPUT, False)
    assert (outcome.error or "").startswith(f"{field}: "), outcome.error
