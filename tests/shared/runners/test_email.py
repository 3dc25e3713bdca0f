"""The email job type, against moto's SES."""

from typing import Any

import pytest
from moto.ses.models import ses_backends

from shared.outcome import FailureKind, Outcome
from shared.runners import email
from shared.runners.aws import Aws, AwsRunner
from shared.runners.email import read
from tests.shared.runners.clouds import ACCOUNT, REGION, arn, aws, credentials, nowhere, own_client
from tests.shared.runners.conftest import within

__all__ = ["aws", "credentials"]

DOMAIN, ADDRESS = arn("ses", "identity/example.org"), arn("ses", "identity/ann@example.net")


def mailed(aws: Aws, **fields: Any) -> Outcome:
    given = {"identity_arn": DOMAIN, "from": "cron@example.org", "to": "bob@example.com", "subject": "Hi", "text": "x"}
    return AwsRunner(aws, email.read).run({**given, **fields}, within(5))


def outbox() -> list[Any]:
    return list(ses_backends[ACCOUNT][REGION].sent_messages)


@pytest.fixture
def ses(aws: Aws) -> Aws:
    """With two identities."""
    for identity in ("example.org", "ann@example.net"):
        own_client("sesv2").create_email_identity(EmailIdentity=identity)
    return aws


def test_a_message_leaves(ses: Aws) -> None:
    outcome = mailed(
        ses,
        to=["bob@example.com", "cid@example.com"],
        cc="dan@example.com",
        bcc=["eve@example.com"],
        reply_to="ann@example.org",
        subject="Grüße",
        html="<b>x</b>",
    )
    (message,) = outbox()
    assert isinstance(outcome.output, dict), outcome.error
    assert outcome.output["message_id"] == message.id
    assert (message.source, message.subject) == ("cron@example.org", "Grüße")
    assert message.destinations == {
        "ToAddresses": ["bob@example.com", "cid@example.com"],
        "CcAddresses": ["dan@example.com"],
        "BccAddresses": ["eve@example.com"],
    }


def test_a_text_that_is_no_text_is_written_out(ses: Aws) -> None:
    mailed(ses, text={"a": 1})
    assert '{"a":1}' in str(vars(outbox()[0]))


def test_a_name_is_shown_beside_the_address(ses: Aws) -> None:
    assert mailed(ses, from_name="Cronny, Büro").ok
    assert outbox()[0].source.endswith("<cron@example.org>")
    assert outbox()[0].source.isascii()


@pytest.mark.parametrize(
    ("identity", "sender"),
    [(DOMAIN, "CRON@Example.org"), (DOMAIN, "a@mail.example.org"), (ADDRESS, "ann@example.net")],
)
def test_a_sender_belongs_to_the_identity(identity: str, sender: str) -> None:
    given = {"identity_arn": identity, "from": sender, "to": "bob@example.com", "subject": "Hi", "text": "x"}
    assert str(read(given, within(5)).arns[0]) == identity


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"identity_arn": "example.org"}, "identity_arn"),
        ({"identity_arn": arn("ses", "configuration-set/x")}, "identity_arn"),
        ({"from": "cron@example.com"}, "from"),
        ({"from": "cron@notexample.org"}, "from"),
        ({"from": "bob@example.net", "identity_arn": ADDRESS}, "from"),
        ({"from": "Cron <cron@example.org>"}, "from"),
        ({"from": "cron@example.org\r\nBcc: all@example.org"}, "from"),
        ({"from_name": "a\nb"}, "from_name"),
        ({"to": None}, "to"),
        ({"to": []}, "to"),
        ({"to": "bob"}, "to"),
        ({"to": ["bob@example.com", 5]}, "to"),
        ({"to": "a@example.com, b@example.com"}, "to"),
        ({"to": ["a@example.com"] * 30, "bcc": ["a@example.com"] * 21}, "to"),
        ({"cc": "x"}, "cc"),
        ({"subject": None}, "subject"),
        ({"subject": "a\r\nb"}, "subject"),
        ({"text": None}, "text"),
    ],
)
def test_input_that_cannot_be_used_names_the_field(fields: dict[str, Any], field: str) -> None:
    outcome = mailed(nowhere(), **fields)
    assert outcome.failure == FailureKind.INVALID_INPUT
    assert (outcome.error or "").startswith(f"{field}: "), outcome.error


def test_an_identity_that_is_not_verified_fails_the_job(ses: Aws) -> None:
    outcome = mailed(ses, identity_arn=arn("ses", "identity/example.info"), **{"from": "a@example.info"})
    assert (outcome.failure, outcome.maybe_sent) == (FailureKind.UNEXPECTED_STATUS, False)
    assert "MessageRejected" in (outcome.error or "")
