"""What the job types of AWS services have in common: whose credentials, one call before the deadline, what failed.

Addresses are made by botocore from a service and a region, never from what a user wrote; whom a call may reach is
decided by its ARN. Nothing here loads botocore before a job runs that needs it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared.arn import Arn, AwsTargets, unopened
from shared.errors import Invalid
from shared.failure import FailureKind
from shared.job import JsonObject, JsonValue
from shared.outcome import Outcome
from shared.runners import RunContext
from shared.runners.aws_roles import AwsClients, Denied, Roles, seconds_left
from shared.runners.fields import as_object
from shared.runners.retry_after import retry_after
from shared.user import UserId

_THROTTLED = re.compile("throttl|toomany|limitexceeded|slowdown|requestlimit", re.IGNORECASE)
# 2048 characters of a sentence are more than anybody reads.
MAX_ERROR_CHARACTERS = 500

# What a service's call answers, as botocore gives it.
Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AwsCall:
    """One call that a job asks for: of which service, about what (the first names the region), with whose role."""

    service: str
    arns: Sequence[Arn]
    role: Arn | None
    send: Callable[[Any], Outcome]


# The call that an input asks for; raises ``Invalid``. Each job type of an AWS service is one such function.
Read = Callable[[JsonObject, RunContext], AwsCall]


@dataclass(frozen=True, slots=True)
class Aws:
    """Makes calls; safe to share between threads."""

    targets: AwsTargets
    clients: AwsClients
    roles: Roles

    def run(self, read: Read, job_input: JsonValue, context: RunContext) -> Outcome:
        """The outcome of the call that ``read`` makes of the input; whatever goes wrong is a failed one."""
        try:
            call = read(as_object(job_input, "{...}"), context)
            self._judge(call, context.user_id)
        except Invalid as error:
            return Outcome.failed(str(error), kind=FailureKind.INVALID_INPUT)
        except Denied as error:
            return Outcome.failed(str(error), kind=FailureKind.REFUSED)
        begun: list[Any] = []

        def send() -> Outcome:
            begun.append(self._client(call, context))
            return call.send(begun[0])

        outcome = self._guarded(send, context)
        # Whatever becomes of assuming a role, the job's own target has heard nothing.
        return outcome if begun else replace(outcome, maybe_sent=False)

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
        except Denied as error:
            return Outcome.failed(str(error), kind=FailureKind.REFUSED)
        except TimeoutError:
            return Outcome.failed("no time was left for the call", kind=FailureKind.UNREACHABLE)
        except (BotoCoreError, ResponseParserError) as error:
            return _lost(error)

    def _client(self, call: AwsCall, context: RunContext) -> Any:
        region = call.arns[0].region
        credentials = self.roles.assume(call.role, region, context) if call.role else None
        return self.clients.client(call.service, region, seconds_left(context), credentials)


@dataclass(frozen=True, slots=True)
class AwsRunner:
    """The runner of a job type that is one call."""

    aws: Aws
    read: Read

    def run(self, job_input: JsonValue, context: RunContext) -> Outcome:
        """Fails when the service does not do what it is asked."""
        return self.aws.run(self.read, job_input, context)


def checking(read: Read) -> Callable[[JsonObject], object]:
    """What a schema cannot say of an input, before there is a run. Raises ``Invalid``."""
    return lambda fields: read(fields, RunContext(0, "", 0, 0))


def metadata(answer: Answer) -> JsonObject:
    """What every output has: the HTTP status, and the id by which AWS finds the request."""
    about = answer.get("ResponseMetadata", {})
    return {"status": about.get("HTTPStatusCode"), "request_id": about.get("RequestId")}


def of_code(code: str, status: int) -> FailureKind:
    """What kind of failure an AWS error is. Throttling has many names, and not all of them come as 429."""
    if status == 429 or _THROTTLED.search(code):
        return FailureKind.RATE_LIMITED
    return FailureKind.SERVER_ERROR if status >= 500 else FailureKind.UNEXPECTED_STATUS


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
