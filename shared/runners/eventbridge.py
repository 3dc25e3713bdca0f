"""The ``eventbridge`` job type: one event onto a bus."""

import json
from typing import Any

from shared.errors import Invalid
from shared.job import JsonObject
from shared.outcome import Outcome
from shared.runners import JobType, RunContext
from shared.runners.aws import AwsCall, metadata, of_code
from shared.runners.aws_fields import ROLE_SCHEMA, arn_of, arn_schema, breaker_of, role_of
from shared.runners.fields import mapping, required_text

MAX_NAME_CHARACTERS = 128

JOB_TYPE = JobType(
    name="eventbridge",
    title="EventBridge event",
    description="Puts an event onto an Amazon EventBridge bus.",
    input_schema={
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "EventBridge event",
        "type": "object",
        "required": ["event_bus_arn", "source", "detail_type"],
        "properties": {
            "event_bus_arn": arn_schema(
                "Event bus", "The bus's ARN", "arn:aws:events:eu-central-1:123456789012:event-bus/orders"
            ),
            "source": {
                "type": "string",
                "title": "Source",
                "description": "Who says it, such as org.example.orders; names beginning with aws. are Amazon's.",
                "minLength": 1,
                "maxLength": MAX_NAME_CHARACTERS,
            },
            "detail_type": {
                "type": "string",
                "title": "Detail type",
                "description": "What kind of event it is.",
                "minLength": 1,
                "maxLength": MAX_NAME_CHARACTERS,
            },
            "detail": {"type": ["object", "null"], "title": "Detail", "description": "The event itself."},
            "role_arn": ROLE_SCHEMA,
        },
    },
)

host = breaker_of("event_bus_arn")


def read(fields: JsonObject, context: RunContext) -> AwsCall:
    """Input {event_bus_arn, source, detail_type, detail, role_arn}; output {event_id}.

    Raises ``Invalid``.
    """
    bus = arn_of(fields, "event_bus_arn", "events", "event-bus/")
    event: dict[str, Any] = {
        "EventBusName": str(bus),
        "Source": _source(fields),
        "DetailType": required_text(fields, "detail_type"),
        "Detail": json.dumps(mapping(fields, "detail")),
    }
    if context.at is not None:
        event["Time"] = context.at

    def send(client: Any) -> Outcome:
        return _outcome(client.put_events(Entries=[event]))

    return AwsCall("events", [bus], role_of(fields), send)


def _source(fields: JsonObject) -> str:
    source = required_text(fields, "source")
    if source.startswith("aws."):
        raise Invalid.field("source", "names beginning with aws. are Amazon's")
    return source


def _outcome(answer: Any) -> Outcome:
    entry = answer["Entries"][0]
    output = {**metadata(answer), "event_id": entry.get("EventId")}
    if not answer.get("FailedEntryCount"):
        return Outcome.completed(output)
    code = str(entry.get("ErrorCode", "unknown"))
    # The status is that of the whole request, which was fine; only the code tells whose fault it is.
    kind = of_code(code, 500 if code.startswith("Internal") else 400)
    told = f"EventBridge did not take the event: {code}: {entry.get('ErrorMessage', '')}"
    return Outcome.failed(told[:500], {**output, "code": code}, kind, maybe_sent=False)
