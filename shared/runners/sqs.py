"""The ``sqs`` job type: one message to a queue."""

from typing import Any

from shared.errors import Invalid
from shared.job import JsonObject
from shared.outcome import Outcome
from shared.runners import JobType, RunContext
from shared.runners.aws import AwsCall, metadata
from shared.runners.aws_fields import ROLE_SCHEMA, arn_of, arn_schema, breaker_of, role_of
from shared.runners.fields import text
from shared.runners.messages import ATTRIBUTES_SCHEMA, FIFO_SCHEMA, attributes, body, fifo

MAX_DELAY_SECONDS = 900

JOB_TYPE = JobType(
    name="sqs",
    title="SQS message",
    description="Sends a message to an Amazon SQS queue.",
    input_schema={
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "SQS message",
        "type": "object",
        "required": ["queue_arn", "message"],
        "properties": {
            "queue_arn": arn_schema("Queue", "The queue's ARN"),
            "message": {"title": "Message", "description": "Text as it is; other JSON is written out as text."},
            "attributes": ATTRIBUTES_SCHEMA,
            "delay_seconds": {
                "type": ["integer", "null"],
                "title": "Delay",
                "description": "Seconds until receivers see it; not for FIFO queues.",
                "minimum": 0,
                "maximum": MAX_DELAY_SECONDS,
            },
            **FIFO_SCHEMA,
            "role_arn": ROLE_SCHEMA,
        },
    },
)

host = breaker_of("queue_arn")


def read(fields: JsonObject, context: RunContext) -> AwsCall:
    """Input {queue_arn, message, attributes, delay_seconds, group_id, deduplication_id, role_arn}; output {message_id}.

    A FIFO queue drops a repeat within five minutes: all attempts of a job have the same deduplication id.

    Raises ``Invalid``.
    """
    queue = arn_of(fields, "queue_arn", "sqs")
    message: dict[str, Any] = {
        "MessageBody": body(fields),
        "MessageAttributes": attributes(fields),
        **fifo(fields, queue, context),
    }
    if (delay := _delay(fields)) is not None:
        message["DelaySeconds"] = delay

    def send(client: Any) -> Outcome:
        # The queue's URL is made of the endpoint that botocore chose and of the ARN: a user's URL would be signed for.
        url = f"{client.meta.endpoint_url}/{queue.account}/{queue.resource}"
        answer = client.send_message(QueueUrl=url, **message)
        number = answer.get("SequenceNumber")
        return Outcome.completed({**metadata(answer), "message_id": answer["MessageId"], "sequence_number": number})

    return AwsCall("sqs", [queue], role_of(fields), send)


def _delay(fields: JsonObject) -> int | None:
    delay = fields.get("delay_seconds")
    if delay is None:
        return None
    if not isinstance(delay, int) or isinstance(delay, bool) or not 0 <= delay <= MAX_DELAY_SECONDS:
        raise Invalid.field("delay_seconds", f"it must be a whole number from 0 to {MAX_DELAY_SECONDS}")
    if (text(fields, "queue_arn") or "").endswith(".fifo"):
        raise Invalid.field("delay_seconds", "a FIFO queue delays all of its messages alike, not each of them")
    return delay
