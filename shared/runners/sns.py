"""The ``sns`` job type: one message to the subscribers of a topic."""

from typing import Any

from shared.errors import Invalid
from shared.job import JsonObject
from shared.outcome import Outcome
from shared.runners import JobType, RunContext
from shared.runners.aws import AwsCall, metadata
from shared.runners.aws_fields import ROLE_SCHEMA, arn_of, arn_schema, breaker_of, role_of
from shared.runners.fields import text
from shared.runners.messages import ATTRIBUTES_SCHEMA, FIFO_SCHEMA, attributes, body, fifo

MAX_SUBJECT_CHARACTERS = 100  # a limit of SNS

JOB_TYPE = JobType(
    name="sns",
    title="SNS message",
    description="Publishes a message to an Amazon SNS topic.",
    input_schema={
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "SNS message",
        "type": "object",
        "required": ["topic_arn", "message"],
        "properties": {
            "topic_arn": arn_schema("Topic", "The topic's ARN", "arn:aws:sns:eu-central-1:123456789012:news"),
            "message": {"title": "Message", "description": "Text as it is; other JSON is written out as text."},
            "subject": {
                "type": ["string", "null"],
                "title": "Subject",
                "description": "For subscribers by e-mail.",
                "maxLength": MAX_SUBJECT_CHARACTERS,
            },
            "attributes": ATTRIBUTES_SCHEMA,
            **FIFO_SCHEMA,
            "role_arn": ROLE_SCHEMA,
        },
    },
)

host = breaker_of("topic_arn")


def read(fields: JsonObject, context: RunContext) -> AwsCall:
    """Input {topic_arn, message, subject, attributes, group_id, deduplication_id, role_arn}; output {message_id}.

    Topics only: a job can neither call a phone nor a device.

    Raises ``Invalid``.
    """
    topic = arn_of(fields, "topic_arn", "sns")
    published: dict[str, Any] = {
        "TopicArn": str(topic),
        "Message": body(fields),
        "MessageAttributes": attributes(fields),
        **fifo(fields, topic, context),
    }
    if subject := _subject(fields):
        published["Subject"] = subject

    def send(client: Any) -> Outcome:
        answer = client.publish(**published)
        number = answer.get("SequenceNumber")
        return Outcome.completed({**metadata(answer), "message_id": answer["MessageId"], "sequence_number": number})

    return AwsCall("sns", [topic], role_of(fields), send)


def _subject(fields: JsonObject) -> str | None:
    subject = text(fields, "subject")
    if subject and (not subject.isprintable() or len(subject) > MAX_SUBJECT_CHARACTERS):
        raise Invalid.field("subject", f"it must be one line of at most {MAX_SUBJECT_CHARACTERS} characters")
    return subject
