"""The ``sns`` job type: one message to the subscribers of a topic."""

from dataclasses import dataclass
from typing import Any

from shared.errors import Invalid
from shared.job import JsonObject, JsonValue
from shared.outcome import Outcome
from shared.runners import JobType, RunContext
from shared.runners.aws import Aws, AwsCall, metadata
from shared.runners.aws_fields import ROLE_SCHEMA, arn_of, arn_schema, breaker_of, role_of
from shared.runners.fields import as_text, text
from shared.runners.messages import ATTRIBUTES_SCHEMA, FIFO_SCHEMA, attributes, fifo

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


@dataclass(frozen=True, slots=True)
class SnsRunner:
    """Input {topic_arn, message, subject, attributes, group_id, deduplication_id, role_arn}; output {message_id}.

    Topics only: a job can neither call a phone nor a device.
    """

    aws: Aws

    def run(self, job_input: JsonValue, context: RunContext) -> Outcome:
        """Fails when SNS does not take the message."""
        return self.aws.run(lambda fields: read(fields, context), job_input, context)


def check(fields: JsonObject) -> None:
    """What a schema cannot say. Raises ``Invalid``."""
    read(fields, RunContext(0, "", 0, 0))


def read(fields: JsonObject, context: RunContext) -> AwsCall:
    """The call that an input asks for. Raises ``Invalid``."""
    topic = arn_of(fields, "topic_arn", "sns")
    message = fields.get("message")
    if message is None or message == "":
        raise Invalid.field("message", "it is missing")
    published: dict[str, Any] = {
        "TopicArn": str(topic),
        "Message": as_text(message),
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
