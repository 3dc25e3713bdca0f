"""The lambda job type: against moto's functions, and against an endpoint that answers as Lambda does."""

import base64
import io
import json
import zipfile
from typing import Any
from urllib.parse import unquote

import pytest

from shared.outcome import FailureKind, Outcome
from shared.runners import aws_lambda
from shared.runners.aws import Aws, AwsRunner
from shared.runners.aws_lambda import MAX_PAYLOAD_BYTES
from tests.shared.runners.clouds import arn, aws, broken, credentials, nowhere, own_client
from tests.shared.runners.conftest import within
from tests.targets import Target

__all__ = ["aws", "broken", "credentials"]

REPORT = arn("lambda", "function:report")


def invoked(aws: Aws, **fields: Any) -> Outcome:
    return AwsRunner(aws, aws_lambda.read).run({"function_arn": REPORT, **fields}, within(5))


@pytest.fixture
def function(aws: Aws) -> None:
    """A function in moto."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as written:
        written.writestr("index.py", "def handler(event, context): return event")
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    role = own_client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    code = {"ZipFile": archive.getvalue()}
    own_client("lambda").create_function(
        FunctionName="report", Runtime="python3.13", Role=role, Handler="index.handler", Code=code
    )


@pytest.mark.usefixtures("function")
@pytest.mark.parametrize(("invocation", "status"), [("sync", 200), ("async", 202), (None, 200)])
def test_a_function_is_invoked_and_waited_for_or_not(aws: Aws, invocation: str | None, status: int) -> None:
    outcome = invoked(aws, payload={"a": 1}, invocation=invocation)
    assert outcome.ok, outcome.error
    assert isinstance(outcome.output, dict)
    assert outcome.output["status"] == status
    assert outcome.output["function_error"] is None


def test_what_a_function_returns_is_the_output(broken: Aws, target: Target) -> None:
    target.said = '{"sum": 3, "of": ["ö"]}'
    outcome = invoked(broken, payload=[1, 2])
    assert isinstance(outcome.output, dict)
    assert (outcome.output["payload"], outcome.output["truncated"]) == ({"sum": 3, "of": ["ö"]}, False)
    (seen,) = target.seen
    assert unquote(seen.path) == f"/answers/2015-03-31/functions/{REPORT}/invocations"
    assert json.loads(seen.body) == [1, 2]
    client_context = json.loads(base64.b64decode(seen.headers["x-amz-client-context"]))
    assert client_context == {"custom": {"idempotency_key": "key-7-1", "trigger": "7", "attempt": "1"}}


@pytest.mark.parametrize("said", ["null", "not JSON", "NaN"])
def test_what_is_no_json_stays_text(broken: Aws, target: Target, said: str) -> None:
    target.said = said
    outcome = invoked(broken)
    assert isinstance(outcome.output, dict)
    assert outcome.output["payload"] == (None if said == "null" else said)


def test_a_long_answer_is_cut_off(broken: Aws, target: Target) -> None:
    target.said = json.dumps("x" * 100_000)
    outcome = invoked(broken)
    assert isinstance(outcome.output, dict)
    assert isinstance(outcome.output["payload"], str)
    assert (len(outcome.output["payload"]), outcome.output["truncated"]) == (MAX_PAYLOAD_BYTES, True)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ('{"errorType": "ValueError", "errorMessage": "no such report"}', "ValueError: no such report"),
        ('{"errorMessage": "Task timed out after 3.00 seconds"}', "error: Task timed out after 3.00 seconds"),
        ("[]", "it does not say why"),
    ],
)
def test_a_function_that_fails_is_as_a_status_of_500(broken: Aws, target: Target, said: str, why: str) -> None:
    target.headers, target.said = {"X-Amz-Function-Error": "Unhandled"}, said
    outcome = invoked(broken)
    assert (outcome.failure, outcome.maybe_sent) == (FailureKind.SERVER_ERROR, True)
    assert outcome.error == f"the function failed: {why}"
    assert isinstance(outcome.output, dict)
    assert outcome.output["function_error"] == "Unhandled"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"function_arn": "report"}, "function_arn"),
        ({"function_arn": arn("lambda", "layer:report")}, "function_arn"),
        ({"function_arn": None}, "function_arn"),
        ({"invocation": "later"}, "invocation"),
    ],
)
def test_input_that_cannot_be_used_names_the_field(fields: dict[str, Any], field: str) -> None:
    outcome = invoked(nowhere(), **fields)
    assert outcome.failure == FailureKind.INVALID_INPUT
    assert (outcome.error or "").startswith(f"{field}: "), outcome.error
