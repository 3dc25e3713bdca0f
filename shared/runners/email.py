"""The ``email`` job type: a message by Amazon SES."""

import re
from email.utils import formataddr
from typing import Any

from shared.arn import Arn
from shared.errors import Invalid
from shared.job import JsonObject
from shared.outcome import Outcome
from shared.runners import JobType, RunContext
from shared.runners.aws import AwsCall, metadata
from shared.runners.aws_fields import ROLE_SCHEMA, arn_of, arn_schema, breaker_of, role_of
from shared.runners.fields import as_text, required_text, text

MAX_RECIPIENTS = 50  # a limit of SES, for all kinds of them together
MAX_SUBJECT_CHARACTERS = 500

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")

_ADDRESSES: JsonObject = {
    "type": ["string", "array", "null"],
    "items": {"type": "string", "maxLength": 254},
    "maxItems": MAX_RECIPIENTS,
}

JOB_TYPE = JobType(
    name="email",
    title="E-mail",
    description="Sends an e-mail by Amazon SES.",
    input_schema={
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "E-mail",
        "type": "object",
        "required": ["identity_arn", "from", "to", "subject"],
        "properties": {
            "identity_arn": arn_schema(
                "Identity",
                "The ARN of the verified domain or address to send by",
                "arn:aws:ses:eu-central-1:123456789012:identity/example.org",
            ),
            "from": {
                "type": "string",
                "title": "From",
                "description": "An address of that identity.",
                "minLength": 3,
                "maxLength": 254,
            },
            "from_name": {
                "type": ["string", "null"],
                "title": "Sender's name",
                "description": "Shown beside the address.",
                "maxLength": 100,
            },
            "to": {**_ADDRESSES, "title": "To", "description": "One address, or a list."},
            "cc": {**_ADDRESSES, "title": "Copy", "description": "One address, or a list."},
            "bcc": {**_ADDRESSES, "title": "Blind copy", "description": "One address, or a list."},
            "reply_to": {**_ADDRESSES, "title": "Reply to", "description": "One address, or a list."},
            "subject": {
                "type": "string",
                "title": "Subject",
                "description": "One line.",
                "minLength": 1,
                "maxLength": MAX_SUBJECT_CHARACTERS,
            },
            "text": {"title": "Text", "description": "The message as plain text; other JSON is written out."},
            "html": {"type": ["string", "null"], "title": "HTML", "description": "The message as HTML."},
            "role_arn": ROLE_SCHEMA,
        },
        "anyOf": [{"required": ["text"]}, {"required": ["html"]}],
    },
)

host = breaker_of("identity_arn")


def read(fields: JsonObject, _context: RunContext) -> AwsCall:
    """Input {identity_arn, from, from_name, to, cc, bcc, reply_to, subject, text, html, role_arn}; output {message_id}.

    SES knows no idempotency: what is tried again after a lost answer may arrive twice.

    Raises ``Invalid``.
    """
    identity = arn_of(fields, "identity_arn", "ses", "identity/")
    message = {
        "FromEmailAddress": _sender(fields, identity),
        "Destination": _recipients(fields),
        "ReplyToAddresses": _addresses(fields, "reply_to"),
        "Content": {"Simple": {"Subject": _content(_subject(fields)), "Body": _body(fields)}},
    }

    def send(client: Any) -> Outcome:
        answer = client.send_email(**message)
        return Outcome.completed({**metadata(answer), "message_id": answer["MessageId"]})

    return AwsCall("sesv2", [identity], role_of(fields), send)


def _sender(fields: JsonObject, identity: Arn) -> str:
    address, name = required_text(fields, "from"), text(fields, "from_name")
    if not _ADDRESS.fullmatch(address):
        raise Invalid.field("from", "it must be an e-mail address; a name goes into from_name")
    # With Cronny's credentials anything else could be sent in the name of any identity that it has.
    verified, domain = identity.name.lower(), address.lower().rpartition("@")[2]
    if address.lower() != verified and domain != verified and not domain.endswith(f".{verified}"):
        raise Invalid.field("from", f"it must be an address of the identity, {identity.name}")
    if name and not name.isprintable():
        raise Invalid.field("from_name", "it must be one line")
    return formataddr((name, address)) if name else address


def _recipients(fields: JsonObject) -> dict[str, list[str]]:
    found = {name: _addresses(fields, name) for name in ("to", "cc", "bcc")}
    if not found["to"]:
        raise Invalid.field("to", "it is missing")
    if sum(map(len, found.values())) > MAX_RECIPIENTS:
        raise Invalid.field("to", f"there may be {MAX_RECIPIENTS} recipients at most")
    return {"ToAddresses": found["to"], "CcAddresses": found["cc"], "BccAddresses": found["bcc"]}


def _addresses(fields: JsonObject, name: str) -> list[str]:
    value = fields.get(name) or []
    given = value if isinstance(value, list | tuple) else [value]
    for one in given:
        if not isinstance(one, str) or not _ADDRESS.fullmatch(one):
            raise Invalid.field(name, "it must be an e-mail address, or a list of them")
    return [str(one) for one in given]


def _subject(fields: JsonObject) -> str:
    subject = required_text(fields, "subject")
    if not subject.isprintable() or len(subject) > MAX_SUBJECT_CHARACTERS:
        raise Invalid.field("subject", f"it must be one line of at most {MAX_SUBJECT_CHARACTERS} characters")
    return subject


def _body(fields: JsonObject) -> dict[str, Any]:
    plain, html = fields.get("text"), text(fields, "html")
    body: dict[str, Any] = {}
    if plain not in (None, ""):
        body["Text"] = _content(as_text(plain))
    if html:
        body["Html"] = _content(html)
    if not body:
        raise Invalid.field("text", "give a text, html, or both")
    return body


def _content(data: str) -> dict[str, str]:
    return {"Data": data, "Charset": "UTF-8"}
