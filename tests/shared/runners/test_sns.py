"""The sns job type: what is published to moto's topics arrives in a queue that is subscribed."""

import json
from typing import Any

import pytest

from shared.outcome import FailureKind, Outcome
from shared.runners import sns
from shared.runners.aws import Aws, AwsRunner
from tests.shared.runners.clouds import arn, aws, credentials, nowhere, own_client
from tests.shared.runners.conftest import within

__all__ = ["aws", "credentials"]


def published(aws: Aws, **fields: Any) -> Outcome:
    return AwsRunner(aws, sns.read).run({"topic_arn": arn("sns", "news"), "message": "hello", **fields}, within(5))


@pytest.fixture
def inbox(aws: Aws) -> str:
    """The URL of a queue that gets what is published."""
    sns, sqs = own_client("sns"), own_client("sqs")
    topic = sns.create_topic(Name="news")["TopicArn"]
    url: str = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn("sqs", "inbox"))
    return url


def test_subscribers_get_the_message(aws: Aws, inbox: str) -> None:
    outcome = published(aws, subject="News", message={"a": 1}, attributes={"kind": "x"})
    (message,) = own_client("sqs").receive_message(QueueUrl=inbox)["Messages"]
    body = json.loads(message["Body"])
    assert isinstance(outcome.output, dict), outcome.error
    assert outcome.output["message_id"] == body["MessageId"]
    assert (body["Subject"], body["Message"]) == ("News", '{"a":1}')
    assert body["MessageAttributes"]["kind"]["Value"] == "x"


def test_a_fifo_topic_gets_the_ids_of_the_trigger(aws: Aws) -> None:
    attributes = {"FifoTopic": "true", "ContentBasedDeduplication": "false"}
    own_client("sns").create_topic(Name="line.fifo", Attributes=attributes)
    assert published(aws, topic_arn=arn("sns", "line.fifo")).ok


def test_a_topic_that_does_not_exist_fails_the_job(aws: Aws) -> None:
    outcome = published(aws, topic_arn=arn("sns", "nowhere"))
    assert (outcome.failure, outcome.maybe_sent) == (FailureKind.UNEXPECTED_STATUS, False)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"topic_arn": "+49301234567"}, "topic_arn"),
        ({"topic_arn": arn("sqs", "news")}, "topic_arn"),
        ({"message": None}, "message"),
        ({"subject": "two\nlines"}, "subject"),
        ({"subject": "x" * 101}, "subject"),
        ({"group_id": "g"}, "group_id"),
    ],
)
def test_input_that_cannot_be_used_names_the_field(fields: dict[str, Any], field: str) -> None:
    outcome = published(nowhere(), **fields)
    assert outcome.failure == FailureKind.INVALID_INPUT
    assert (outcome.error or "").startswith(f"{field}: "), outcome.error
