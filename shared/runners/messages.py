"""What SQS and SNS messages have in common: attributes, and the ids by which FIFO ones are ordered and dropped."""

import re
from typing import Any

from shared.arn import Arn
from shared.errors import Invalid
from shared.job import JsonObject
from shared.runners import RunContext
from shared.runners.fields import as_text, mapping, text

MAX_ATTRIBUTES = 10  # a limit of SQS

_ATTRIBUTE_NAME = re.compile(r"[A-Za-z0-9_.-]{1,256}")
_FIFO_ID = re.compile(r"[\x21-\x7e]{1,128}")

ATTRIBUTES_SCHEMA: JsonObject = {
    "type": ["object", "null"],
    "title": "Attributes",
    "description": "Names and values that travel beside the message, 10 at most.",
    "maxProperties": MAX_ATTRIBUTES,
    "additionalProperties": {"type": ["string", "number", "boolean"]},
}
FIFO_SCHEMA: JsonObject = {
    "group_id": {
        "type": ["string", "null"],
        "title": "Group",
        "description": "FIFO only: messages of one group stay in order. Without it each trigger is a group.",
        "maxLength": 128,
    },
    "deduplication_id": {
        "type": ["string", "null"],
        "title": "Deduplication id",
        "description": "FIFO only: what has the same one within five minutes is dropped. "
        "Without it all attempts of this job in one trigger have the same.",
        "maxLength": 128,
    },
}


def body(fields: JsonObject) -> str:
    """The message's text. Raises ``Invalid``."""
    message = fields.get("message")
    if message is None or message == "":
        raise Invalid.field("message", "it is missing")
    return as_text(message)


def attributes(fields: JsonObject) -> dict[str, Any]:
    """The attributes as SQS and SNS take them. Raises ``Invalid``."""
    given = mapping(fields, "attributes")
    if len(given) > MAX_ATTRIBUTES:
        raise Invalid.field("attributes", f"there may be {MAX_ATTRIBUTES} at most")
    for name, value in given.items():
        if not _ATTRIBUTE_NAME.fullmatch(name):
            raise Invalid.field(f"attributes.{name}", "a name has letters, digits, dots, hyphens and underscores only")
        if not isinstance(value, str | int | float) or value == "":
            raise Invalid.field(f"attributes.{name}", "it must be text, a number, true or false")
    return {name: _attribute(value) for name, value in given.items()}


def fifo(fields: JsonObject, target: Arn, context: RunContext) -> dict[str, str]:
    """Which group a message is of and what it is a repeat of; nothing unless the target is a FIFO one."""
    group, deduplication = text(fields, "group_id"), text(fields, "deduplication_id")
    for name, value in (("group_id", group), ("deduplication_id", deduplication)):
        if value is not None and not _FIFO_ID.fullmatch(value):
            raise Invalid.field(name, "it must be 1 to 128 letters, digits and punctuation marks")
        if value is not None and not target.resource.endswith(".fifo"):
            raise Invalid.field(name, "only FIFO queues and topics, whose names end with .fifo, have it")
    if not target.resource.endswith(".fifo"):
        return {}
    return {
        "MessageGroupId": group or f"cronny-trigger-{context.trigger_id}",
        "MessageDeduplicationId": deduplication or context.idempotency_key,
    }


def _attribute(value: Any) -> dict[str, str]:
    kind = "Number" if isinstance(value, int | float) and not isinstance(value, bool) else "String"
    return {"DataType": kind, "StringValue": as_text(value)}
