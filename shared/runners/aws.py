"""What the job types of AWS services have in common: whose credentials, one call before the deadline, what failed.

Addresses are made by botocore from a service and a region, never from what a user wrote; whom a call may reach is
decided by its ARN. Nothing here loads botocore before a job runs that needs it.
"""

import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Protocol

from shared.arn import EXAMPLE, Arn, AwsTargets, external_id, unopened
from shared.errors import Invalid
from shared.failure import FailureKind
from shared.job import JsonObject, JsonValue
from shared.outcome import Outcome
from shared.runners import RunContext
from shared.runners.fields import as_object, required_text, text
from shared.runners.retry_after import retry_after
from shared.user import UserId

CONNECT_SECONDS = 3
# A role's credentials hold for an hour; they are used for less, so that none ends within a job.
ROLE_SECONDS = 3600
ROLE_KEPT_SECONDS = 2400
MAX_ROLES_KEPT = 200

_THROTTLED = re.compile("throttl|toomany|limitexceeded|slowdown|requestlimit", re.IGNORECASE)
# 2048 characters of a sentence are more than anybody reads.
MAX_ERROR_CHARACTERS = 500

# What a service's call answers, as botocore gives it.
Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Credentials:
    """Those of an assumed role."""

    key_id: str
    secret: str = field(repr=False)
    token: str = field(repr=False)


class AwsClients(Protocol):
    """Where clients come from; ``wiring`` has the only one, which is boto3."""

    def client(self, service: str, region: str, seconds: float, credentials: Credentials | None = None) -> Any:
        """A client that gives up within these seconds and tries nothing twice; None: with Cronny's credentials."""
        ...


class NoClients:
    """Of those who have no AWS: nothing is open, so nobody asks."""

    def client(self, service: str, region: str, seconds: float, credentials: Credentials | None = None) -> Any:
        """As ``AwsClients`` says."""
        raise LookupError(f"there is no AWS here that has {service} in {region}")


@dataclass(frozen=True, slots=True)
class AwsCall:
    """One call that a job asks for: of which service, about what (the first names the region), with whose role."""

    service: str
    arns: Sequence[Arn]
    role: Arn | None
    send: Callable[[Any], Outcome]


class Denied(Exception):  # noqa: N818 - the message is the sentence
    """Whom Cronny may not call."""


@dataclass
class Aws:
    """Makes calls; safe to share between threads."""

    targets: AwsTargets
    clients: AwsClients
    _roles: dict[tuple[UserId, Arn], tuple[float, Credentials]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def run(self, read: Callable[[JsonObject], AwsCall], job_input: JsonValue, context: RunContext) -> Outcome:
        """The outcome of the call that ``read`` makes of the input; whatever goes wrong is a failed one."""
        try:
            call = read(as_object(job_input, "{...}"))
            self._judge(call, context.user_id)
        except Invalid as error:
            return Outcome.failed(str(error), kind=FailureKind.INVALID_INPUT)
        except Denied as error:
            return Outcome.failed(str(error), kind=FailureKind.REFUSED)
        return self._guarded(lambda: call.send(self._client(call, context)), context)

    def _judge(self, call: AwsCall, user_id: UserId) -> None:
        """With Cronny's own credentials only what is open is called; with a user's role, what the role may."""
        asked = [call.role] if call.role else call.arns
        if closed := [arn for arn in asked if not self.targets.open_to(arn, user_id)]:
            raise Denied(unopened(closed) if call.role is None else f"Cronny may not assume {call.role}")

    def _guarded(self, send: Callable[[], Outcome], context: RunContext) -> Outcome:
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        try:
            return send()
        except ClientError as error:
            return _refused(error.response, context)
        except TimeoutError:
            return Outcome.failed("no time was left for the call", kind=FailureKind.UNREACHABLE)
        except (BotoCoreError, ResponseParserError) as error:
            return _lost(error)

    def _client(self, call: AwsCall, context: RunContext) -> Any:
        credentials = self._role(call.role, call.arns[0].region, context) if call.role else None
        return self.clients.client(call.service, call.arns[0].region, _left(context), credentials)

    def _role(self, role: Arn, region: str, context: RunContext) -> Credentials:
        key = (context.user_id, role)
        with self._lock:
            until, kept = self._roles.get(key, (0.0, None))
        if kept is not None and time.monotonic() < until:
            return kept
        answer = self.clients.client("sts", region, _left(context)).assume_role(
            RoleArn=str(role),
            RoleSessionName=f"cronny-trigger-{context.trigger_id}",
            ExternalId=external_id(context.user_id),
            DurationSeconds=ROLE_SECONDS,
        )
        given = answer["Credentials"]
        credentials = Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
        with self._lock:
            if len(self._roles) >= MAX_ROLES_KEPT:
                self._roles.pop(next(iter(self._roles)))
            self._roles[key] = (time.monotonic() + ROLE_KEPT_SECONDS, credentials)
        return credentials


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


def metadata(answer: Answer) -> JsonObject:
    """What every output has: the HTTP status, and the id by which AWS finds the request."""
    about = answer.get("ResponseMetadata", {})
    return {"status": about.get("HTTPStatusCode"), "request_id": about.get("RequestId")}


def of_code(code: str, status: int) -> FailureKind:
    """What kind of failure an AWS error is. Throttling has many names, and not all of them come as 429."""
    if status == 429 or _THROTTLED.search(code):
        return FailureKind.RATE_LIMITED
    return FailureKind.SERVER_ERROR if status >= 500 else FailureKind.UNEXPECTED_STATUS


def _left(context: RunContext) -> float:
    left = context.deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return max(math.floor(left), 1)


def _refused(response: Answer, context: RunContext) -> Outcome:
    error, about = response.get("Error", {}), response.get("ResponseMetadata", {})
    code, status = str(error.get("Code", "unknown")), int(about.get("HTTPStatusCode") or 0)
    told = f"AWS answered {code}: {error.get('Message', '')}"[:MAX_ERROR_CHARACTERS]
    headers = {str(name).lower(): str(value) for name, value in about.get("HTTPHeaders", {}).items()}
    kind = of_code(code, status)
    return Outcome.failed(
        told,
        {"status": status, "code": code, "request_id": about.get("RequestId")},
        kind,
        # What AWS refuses it has not done; what broke it may have.
        maybe_sent=kind is FailureKind.SERVER_ERROR,
        retry_after=retry_after(headers, context.at),
    )


def _lost(error: Exception) -> Outcome:
    from botocore import exceptions

    if isinstance(error, exceptions.ParamValidationError):
        # botocore quotes the values, which may be secrets.
        return Outcome.failed("AWS would not take this input", kind=FailureKind.INVALID_INPUT)
    if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        return Outcome.failed("Cronny has no AWS credentials of its own; give a role_arn", maybe_sent=False)
    unsent = (
        exceptions.ConnectTimeoutError,
        exceptions.EndpointConnectionError,
        exceptions.ProxyConnectionError,
        exceptions.SSLError,
    )
    if isinstance(error, unsent):
        return Outcome.failed("no connection to AWS came about", kind=FailureKind.UNREACHABLE)
    return Outcome.failed(f"AWS gave no answer ({type(error).__name__})", kind=FailureKind.NO_ANSWER)
