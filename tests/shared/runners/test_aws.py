"""What all AWS job types have in common: whose credentials they use, and how failing is told."""

import socket
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from shared.outcome import FailureKind, Outcome
from shared.runners import RunContext, aws_lambda, sqs
from shared.runners.aws import Aws, AwsRunner
from shared.runners.aws_roles import AwsClients, Credentials, Roles
from shared.runners.registry import build_runners
from shared.user import UserId
from tests.shared.runners.clouds import ACCOUNT, arn, aws, broken, credentials, opened, own_client
from tests.shared.runners.conftest import within
from tests.targets import Target

__all__ = ["aws", "broken", "credentials"]

ORDERS = arn("sqs", "orders")
ROLE = f"arn:aws:iam::{ACCOUNT}:role/cronny-jobs"
REFUSAL = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>"
LAMBDA = {"function_arn": arn("lambda", "function:report")}


def sent(aws: Aws, context: RunContext | None = None, **fields: Any) -> Outcome:
    return AwsRunner(aws, sqs.read).run({"queue_arn": ORDERS, "message": "m", **fields}, context or within(5))


def of_user(user_id: int) -> RunContext:
    return replace(within(5), user_id=UserId(user_id))


@pytest.fixture
def orders(aws: Aws) -> Any:
    """A queue in moto."""
    return own_client("sqs").create_queue(QueueName="orders")


@pytest.mark.usefixtures("orders")
def test_a_job_reaches_what_is_open_to_its_user_and_nothing_else() -> None:
    closed, own = opened(), opened(f"7@{ORDERS}")
    assert sent(own, of_user(7)).ok
    for outcome in (sent(closed, of_user(7)), sent(own, of_user(8)), sent(own)):
        assert (outcome.failure, outcome.maybe_sent, outcome.output) == (FailureKind.REFUSED, False, None)
        assert ORDERS in (outcome.error or "")
        assert "CRONNY_AWS_TARGETS" in (outcome.error or "")


def test_without_aws_every_job_that_needs_it_is_refused() -> None:
    outcome = build_runners(())["sqs"].run({"queue_arn": ORDERS, "message": "m"}, within(5))
    assert outcome.failure == FailureKind.REFUSED


class Watched:
    """Clients that remember what STS was asked, and with whose credentials the others were made."""

    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients
        self.asked: list[dict[str, Any]] = []
        self.used: list[Credentials | None] = []

    def client(self, service: str, region: str, seconds: float, credentials: Credentials | None = None) -> Any:
        client = self._clients.client(service, region, seconds, credentials)
        if service == "sts":
            client.meta.events.register("provide-client-params.sts.AssumeRole", self._note, unique_id="watched")
        else:
            self.used.append(credentials)
        return client

    def _note(self, params: dict[str, Any], **_: Any) -> None:
        self.asked.append(dict(params))


@pytest.mark.usefixtures("orders")
def test_a_role_that_may_be_assumed_decides_itself_what_is_reached() -> None:
    cloud = opened("arn:aws:iam::*:role/cronny-*")
    clients = Watched(cloud.clients)
    watched = Aws(cloud.targets, clients, Roles(clients, distrust=False))
    for user_id in (7, 7, 8):
        assert sent(watched, of_user(user_id), role_arn=ROLE).ok
    first, second = clients.asked
    assert first == {
        "RoleArn": ROLE,
        "ExternalId": "cronny-7",
        "RoleSessionName": "cronny-trigger-7",
        "DurationSeconds": 3600,
    }
    assert second == {**first, "ExternalId": "cronny-8"}
    ours, kept, theirs = clients.used
    assert ours is not None
    assert ours == kept != theirs
    assert ours.secret not in repr(ours)


def test_a_role_that_demands_no_external_id_is_not_used(aws: Aws) -> None:
    # As moto's: whoever names it could use it.
    clients = Watched(aws.clients)
    outcome = sent(Aws(aws.targets, clients, Roles(clients)), of_user(7), role_arn=ROLE)
    assert (outcome.failure, outcome.maybe_sent) == (FailureKind.REFUSED, False)
    assert "must demand the sts:ExternalId cronny-7" in (outcome.error or "")
    assert ["ExternalId" in asked for asked in clients.asked] == [False]
    assert clients.used == []


def test_a_role_that_demands_one_is_asked_for_with_it(broken: Aws, target: Target) -> None:
    # A denial, which is what a role that demands an id answers without one, and then the role's credentials.
    target.answers, target.said = [403, 403], REFUSAL
    outcome = sent(Aws(broken.targets, broken.clients, Roles(broken.clients)), of_user(7), role_arn=ROLE)
    assert outcome.error == "AWS answered AccessDenied: not you"
    without, with_one = (seen.body.decode() for seen in target.seen)
    assert "ExternalId" not in without
    assert "ExternalId=cronny-7" in with_one


def test_a_role_that_may_not_be_assumed_is_refused() -> None:
    outcome = sent(opened(ORDERS), role_arn=ROLE)
    assert (outcome.failure, outcome.error) == (FailureKind.REFUSED, f"Cronny may not assume {ROLE}")


@pytest.mark.parametrize(
    "role", ["admin", "arn:aws:iam::222222222222:user/ann", "arn:aws:sqs:eu-west-1:222222222222:role/x", 5]
)
def test_a_role_is_the_arn_of_a_role(role: Any) -> None:
    outcome = sent(opened("*"), role_arn=role)
    assert outcome.failure == FailureKind.INVALID_INPUT
    assert (outcome.error or "").startswith("role_arn: ")


@pytest.mark.parametrize(
    ("status", "code", "kind", "maybe_sent"),
    [
        (400, "ThrottlingException", "rate_limited", False),
        (429, "TooManyRequestsException", "rate_limited", False),
        (400, "ThrottledException", "rate_limited", False),
        (500, "ServiceException", "server_error", True),
        (503, "ServiceUnavailable", "server_error", True),
        (403, "AccessDeniedException", "unexpected_status", False),
        (404, "ResourceNotFoundException", "unexpected_status", False),
    ],
)
def test_what_aws_refuses_has_its_kind(
    broken: Aws, target: Target, status: int, code: str, kind: str, maybe_sent: bool
) -> None:
    target.answers, target.headers = [status], {"x-amzn-ErrorType": code, "Retry-After": "30"}
    outcome = AwsRunner(broken, aws_lambda.read).run(LAMBDA, within(5))
    assert (outcome.failure, outcome.maybe_sent, outcome.retry_after) == (kind, maybe_sent, 30)
    assert isinstance(outcome.output, dict)
    assert (outcome.output["status"], outcome.output["code"]) == (status, code)
    assert (outcome.error or "").startswith(f"AWS answered {code}: ")
    assert len(target.seen) == 1, "botocore tries nothing twice"


def test_a_role_that_sts_refuses_was_not_used(broken: Aws, target: Target) -> None:
    target.answers = [403]
    target.said = REFUSAL
    outcome = sent(broken, role_arn=ROLE)
    assert (outcome.failure, outcome.maybe_sent) == (FailureKind.UNEXPECTED_STATUS, False)
    assert outcome.error == "AWS answered AccessDenied: not you"
    assert len(target.seen) == 1
    assert b"ExternalId=cronny-0" in target.seen[0].body


def test_an_answer_that_is_not_aws_s_is_none(broken: Aws, target: Target) -> None:
    target.answers, target.said = [403], "<html>not AWS at all"
    outcome = sent(broken, role_arn=ROLE)
    assert (outcome.failure, outcome.maybe_sent) == (FailureKind.NO_ANSWER, False)


def test_a_role_that_cannot_be_assumed_for_now_sends_nothing_to_the_target(broken: Aws, target: Target) -> None:
    target.answers, target.said = [503], REFUSAL.replace("AccessDenied", "ServiceUnavailable")
    outcome = sent(broken, role_arn=ROLE)
    assert (outcome.failure, outcome.maybe_sent) == (FailureKind.SERVER_ERROR, False)


def test_an_endpoint_that_is_away_is_unreachable(broken: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
    outcome = sent(broken)
    assert (outcome.failure, outcome.maybe_sent) == (FailureKind.UNREACHABLE, False)


@pytest.mark.parametrize("path", ["hang", "close", "gibberish"])
def test_an_answer_that_is_lost_may_have_been_sent(
    broken: Aws, target: Target, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"{target.url}/{path}")
    outcome = sent(broken, within(1))
    assert (outcome.failure, outcome.maybe_sent) == (FailureKind.NO_ANSWER, True), outcome.error


def test_a_deadline_that_has_passed_sends_nothing(broken: Aws, target: Target) -> None:
    outcome = sent(broken, within(-1))
    assert (outcome.failure, outcome.maybe_sent, target.seen) == (FailureKind.UNREACHABLE, False, [])


def test_without_credentials_nothing_is_sent(broken: Aws, target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    # The session that others used before knows theirs.
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    outcome = sent(broken)
    assert (outcome.failure, outcome.maybe_sent, target.seen) == (FailureKind.ERROR, False, [])
    assert "role_arn" in (outcome.error or "")


def test_no_part_of_an_input_chooses_where_a_request_goes(broken: Aws, target: Target) -> None:
    hostile = f"arn:aws:sqs:{target.url}:{ACCOUNT}:orders"
    for queue in (hostile, "arn:aws:sqs:evil.example.org#-1:123456789012:orders", f"{target.url}/{ACCOUNT}/orders"):
        outcome = AwsRunner(broken, sqs.read).run({"queue_arn": queue, "message": "m"}, within(5))
        assert outcome.failure == FailureKind.INVALID_INPUT
    assert target.seen == []


def test_a_cold_start_loads_nothing_of_aws() -> None:
    # The package itself is loaded by powertools; what takes its time is what is below.
    heavy = {"boto3", "botocore.session", "botocore.client", "botocore.exceptions"}
    program = f"import sys, shared.wiring, functions.executor; print(sorted({heavy} & sys.modules.keys()))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
