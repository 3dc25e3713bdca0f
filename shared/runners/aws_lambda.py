"""The ``lambda`` job type: a function of the user's is invoked, and waited for or not."""

import base64
import json
from typing import Any

from shared.errors import Invalid
from shared.failure import FailureKind
from shared.job import JsonObject, JsonValue
from shared.outcome import Outcome
from shared.runners import JobType, RunContext
from shared.runners.aws import Answer, AwsCall, metadata
from shared.runners.aws_fields import ROLE_SCHEMA, arn_of, arn_schema, breaker_of, role_of
from shared.runners.fields import text
from shared.untrusted import parse_json

MAX_PAYLOAD_BYTES = 64 * 1024
INVOCATIONS = {"sync": "RequestResponse", "async": "Event"}

JOB_TYPE = JobType(
    name="lambda",
    title="Lambda function",
    description="Invokes an AWS Lambda function, and keeps what it returns.",
    input_schema={
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Lambda function",
        "type": "object",
        "required": ["function_arn"],
        "properties": {
            "function_arn": arn_schema(
                "Function",
                "The function's ARN, with a version or an alias if you like",
                "arn:aws:lambda:eu-central-1:123456789012:function:report",
            ),
            "payload": {"title": "Payload", "description": "The event that the function gets: any JSON."},
            "invocation": {
                "enum": ["sync", "async", None],
                "title": "Invocation",
                "description": "sync waits for the function and keeps what it returns; async hands the event over.",
                "default": "sync",
            },
            "role_arn": ROLE_SCHEMA,
        },
    },
)

host = breaker_of("function_arn")


def read(fields: JsonObject, context: RunContext) -> AwsCall:
    """Input {function_arn, payload, invocation, role_arn}; output {status, payload, function_error, ...}.

    A function that is waited for finds the idempotency key in its context: client_context.custom["idempotency_key"].

    Raises ``Invalid``.
    """
    function = arn_of(fields, "function_arn", "lambda", "function:")
    invocation = text(fields, "invocation") or "sync"
    if invocation not in INVOCATIONS:
        raise Invalid.field("invocation", "it must be sync or async")
    asked: dict[str, Any] = {
        "FunctionName": str(function),
        "InvocationType": INVOCATIONS[invocation],
        "Payload": json.dumps(fields.get("payload", {})).encode(),
    }
    if invocation == "sync":
        asked["ClientContext"] = _client_context(context)

    def send(client: Any) -> Outcome:
        return _outcome(client.invoke(**asked))

    return AwsCall("lambda", [function], role_of(fields), send)


def _client_context(context: RunContext) -> str:
    custom = {
        "idempotency_key": context.idempotency_key,
        "trigger": str(context.trigger_id),
        "attempt": str(context.attempt),
    }
    return base64.b64encode(json.dumps({"custom": custom}).encode()).decode()


def _outcome(answer: Answer) -> Outcome:
    said = answer["Payload"].read(MAX_PAYLOAD_BYTES + 1)
    payload, truncated = _decoded(said[:MAX_PAYLOAD_BYTES]), len(said) > MAX_PAYLOAD_BYTES
    output: JsonObject = {
        **metadata(answer),
        "payload": payload,
        "truncated": truncated,
        "function_error": answer.get("FunctionError"),
        "executed_version": answer.get("ExecutedVersion"),
    }
    if answer.get("FunctionError"):
        return Outcome.failed(f"the function failed: {_reason(payload)}"[:500], output, FailureKind.SERVER_ERROR)
    return Outcome.completed(output)


def _decoded(said: bytes) -> JsonValue:
    shown = said.decode("utf-8", "replace")
    parsed = parse_json(shown) if shown else None
    return shown if parsed is None and shown.strip() not in ("", "null") else parsed


def _reason(payload: JsonValue) -> str:
    if isinstance(payload, dict) and payload.get("errorMessage"):
        return f"{payload.get('errorType') or 'error'}: {payload['errorMessage']}"
    return "it does not say why"
