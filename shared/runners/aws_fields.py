"""What the inputs of AWS job types have in common: ARNs and roles, as fields and in their schemas."""

from collections.abc import Callable

from shared.arn import EXAMPLE, Arn
from shared.errors import Invalid
from shared.job import JsonObject
from shared.runners.fields import required_text, text


def arn_of(fields: JsonObject, name: str, service: str, kind: str = "") -> Arn:
    """The ARN in a field; raises ``Invalid`` for that of another service, or of another kind of thing."""
    arn = Arn.parse(required_text(fields, name))
    if arn is None or arn.service != service or not arn.region or not arn.account or not arn.resource.startswith(kind):
        example = Arn("aws", service, "eu-central-1", "123456789012", f"{kind}name")
        raise Invalid.field(name, f"it must be an ARN such as {example}")
    return arn


def role_of(fields: JsonObject) -> Arn | None:
    """The role to assume, if one is named."""
    written = text(fields, "role_arn")
    arn = Arn.parse(written) if written else None
    if written and (arn is None or arn.service != "iam" or not arn.resource.startswith("role/")):
        raise Invalid.field("role_arn", "it must be an ARN such as arn:aws:iam::123456789012:role/cronny-jobs")
    return arn


def breaker_of(*names: str) -> Callable[[JsonObject], str | None]:
    """Whom inputs call, for their breaker: what the first of these fields names."""

    def host(fields: JsonObject) -> str | None:
        written = next((fields[name] for name in names if isinstance(fields.get(name), str)), None)
        arn = Arn.parse(written) if isinstance(written, str) else None
        return str(arn) if arn else None

    return host


def arn_schema(title: str, description: str, example: str = EXAMPLE) -> JsonObject:
    """The JSON Schema of a field that is an ARN."""
    return {
        "type": "string",
        "title": title,
        "description": f"{description}, such as {example}.",
        "pattern": "^arn:",
        "maxLength": 1011,
    }


ROLE_SCHEMA: JsonObject = {
    "type": ["string", "null"],
    "title": "Role",
    "description": "The ARN of a role of yours that Cronny assumes for this; it must demand your external id.",
    "pattern": "^(arn:[^:]+:iam::[0-9]{12}:role/.+)?$",
}
