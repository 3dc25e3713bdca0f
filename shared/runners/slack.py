"""The ``slack`` job type: a message to a channel, by incoming webhook or by an app's token."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

from shared.errors import Invalid
from shared.job import JsonObject, JsonValue
from shared.outcome import FailureKind, Outcome
from shared.runners import JobType, RunContext
from shared.runners.failure import of_status
from shared.runners.fields import as_object, as_text, required_text, text
from shared.runners.http_client import HttpClient, RequestFailed, Response
from shared.runners.request import Request, locate
from shared.runners.retry_after import retry_after
from shared.untrusted import parse_json

API_URL = "https://slack.com/api"

JOB_TYPE = JobType(
    name="slack",
    title="Slack message",
    description="Posts a message to Slack by an incoming webhook, or with a token to a channel.",
    input_schema={
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Slack message",
        "type": "object",
        "required": ["message"],
        "properties": {
            "message": {"title": "Message", "description": "The text; other JSON is written out as text."},
            "webhook_url": {
                "type": ["string", "null"],
                "title": "Webhook URL",
                "description": "The URL of an incoming webhook; then neither token nor channel is needed.",
            },
            "token": {
                "type": ["string", "null"],
                "title": "Token",
                "description": "A bot token with the scope chat:write.",
                "format": "password",
            },
            "channel": {"type": ["string", "null"], "title": "Channel", "description": "A channel's id or #name."},
        },
        "anyOf": [{"required": ["webhook_url"]}, {"required": ["token", "channel"]}],
    },
)

# Refusals that are over soon (https://docs.slack.dev/reference/methods/chat.postMessage#errors).
_PASSING = dict.fromkeys(
    ("fatal_error", "internal_error", "request_timeout", "service_unavailable"), FailureKind.SERVER_ERROR
) | dict.fromkeys(("ratelimited", "rate_limited"), FailureKind.RATE_LIMITED)


@dataclass(frozen=True, slots=True)
class SlackRunner:
    """Input {message, webhook_url} or {message, token, channel}; output {status, ...what Slack says}."""

    client: HttpClient
    api_url: str = API_URL

    def run(self, job_input: JsonValue, context: RunContext) -> Outcome:
        """Fails when Slack does not take the message."""
        try:
            fields = as_object(job_input, '{"webhook_url": "...", "message": "..."}')
            by_webhook = text(fields, "webhook_url")
            request = _to_webhook(by_webhook, fields) if by_webhook else self._to_channel(fields)
            response = self.client.send(request, context)
        except Invalid as error:
            return Outcome.failed(str(error), kind=FailureKind.INVALID_INPUT)
        except RequestFailed as error:
            return error.outcome()
        outcome = _webhook_outcome(response) if by_webhook else _api_outcome(response)
        return outcome if outcome.ok else replace(outcome, retry_after=retry_after(response.headers, context.at))

    def _to_channel(self, fields: JsonObject) -> Request:
        if text(fields, "token") is None:
            raise Invalid.field("webhook_url", "give a webhook_url, or a token and a channel")
        message = {"channel": required_text(fields, "channel"), "text": _message(fields)}
        headers = {"Authorization": "Bearer " + required_text(fields, "token")}
        return _post(f"{self.api_url}/chat.postMessage", message, headers)


def host(fields: JsonObject) -> str | None:
    """host:port that an input calls; None for a webhook that could not be called."""
    try:
        return str(locate(text(fields, "webhook_url") or API_URL)[0])
    except Invalid:
        return None


def credentials(fields: JsonObject) -> Iterator[str]:
    """The path of a webhook's URL: whoever knows it may post. Its host may be known."""
    url = fields.get("webhook_url")
    if isinstance(url, str):
        path = url.partition("://")[2].partition("/")[2]
        yield from (path, path.rpartition("/")[2])


def _to_webhook(url: str, fields: JsonObject) -> Request:
    try:
        return _post(url, {"text": _message(fields)}, {})
    except Invalid as error:
        fault = error.faults[0]
        raise Invalid.field("webhook_url" if fault.field == "url" else fault.field, fault.message) from error


def _message(fields: JsonObject) -> str:
    message = fields.get("message")
    if message is None or message == "":
        raise Invalid.field("message", "it is missing")
    return as_text(message)


def _post(url: str, message: JsonObject, headers: dict[str, str]) -> Request:
    headers |= {"Content-Type": "application/json; charset=utf-8"}
    return Request.to(url, "POST", headers, json.dumps(message).encode())


def _webhook_outcome(response: Response) -> Outcome:
    said = response.body.decode("utf-8", "replace")
    output: JsonObject = {"status": response.status, "body": said}
    if response.status == 200:
        return Outcome.completed(output)
    refused = f"Slack refused the message: HTTP {response.status} {said[:200]}".rstrip()
    return Outcome.failed(refused, output, of_status(response.status))


def _api_outcome(response: Response) -> Outcome:
    # The API answers 200 to refusals too; only "ok" tells.
    said = parse_json(response.body.decode("utf-8", "replace"))
    if not isinstance(said, dict):
        what = f"Slack answered HTTP {response.status} without JSON"
        kind = FailureKind.NO_ANSWER if response.status == 200 else of_status(response.status)
        return Outcome.failed(what, {"status": response.status}, kind)
    output: JsonObject = {"status": response.status} | {key: said.get(key) for key in ("ok", "channel", "ts", "error")}
    if said.get("ok") is True:
        return Outcome.completed(output)
    refused = f"Slack refused the message: {said.get('error', 'no reason given')}"
    if response.status != 200:
        return Outcome.failed(refused, output, of_status(response.status))
    return Outcome.failed(refused, output, _PASSING.get(str(said.get("error")), FailureKind.ERROR))
