"""Signed requests are what the Standard Webhooks library of their makers takes for signed."""

import base64
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from shared.outcome import FailureKind, Outcome
from shared.runners import RunContext
from shared.runners.http import HttpRunner
from shared.runners.http_client import HttpClient
from tests.shared.runners.conftest import within
from tests.targets import Target

OLD, NEW = ("whsec_" + base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))


def in_a_run(attempt: int = 1) -> RunContext:
    # The library compares with the real time, to within five minutes.
    return replace(within(5, attempt), at=datetime.now(UTC))


def called(
    client: HttpClient, target: Target, secret: Any, context: RunContext | None = None, **fields: Any
) -> Outcome:
    given = {"method": "POST", "url": f"{target.url}/echo", "signing": {"secret": secret}, **fields}
    return HttpRunner(client).run(given, context or in_a_run())


@pytest.mark.parametrize("body", [{"ö": 1}, "plain text", None])
def test_a_target_can_verify_what_it_got(client: HttpClient, target: Target, body: Any) -> None:
    assert called(client, target, NEW, request_body=body).ok
    (seen,) = target.seen
    # The library's own verifying reads JSON only; its signing takes any text.
    if body == {"ö": 1}:
        assert Webhook(NEW).verify(seen.body, seen.headers) == body
    assert seen.headers["webhook-signature"] == Webhook(NEW).sign(
        seen.headers["webhook-id"],
        datetime.fromtimestamp(int(seen.headers["webhook-timestamp"]), UTC),
        seen.body.decode(),
    )


def test_another_key_or_another_body_is_found_out(client: HttpClient, target: Target) -> None:
    called(client, target, NEW, request_body={"a": 1})
    (seen,) = target.seen
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD).verify(seen.body, seen.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(seen.body + b" ", seen.headers)


def test_while_a_key_takes_anothers_place_both_will_do(client: HttpClient, target: Target) -> None:
    called(client, target, [NEW, OLD], request_body={"a": 1})
    (seen,) = target.seen
    for key in (NEW, OLD):
        assert Webhook(key).verify(seen.body, seen.headers) == {"a": 1}


def test_the_id_is_the_same_for_every_attempt(client: HttpClient, target: Target) -> None:
    for attempt in (1, 2):
        called(client, target, NEW, in_a_run(attempt))
    assert {seen.headers["webhook-id"] for seen in target.seen} == {"key-7-1"}
    assert {seen.headers["idempotency-key"] for seen in target.seen} == {"key-7-1"}


def test_without_signing_nothing_is_signed(client: HttpClient, target: Target) -> None:
    nothing: list[Any] = [None, {}]
    for signing in nothing:
        HttpRunner(client).run({"url": f"{target.url}/echo", "signing": signing}, within(5))
    assert not [name for seen in target.seen for name in seen.headers if name.startswith("webhook-")]


@pytest.mark.parametrize("name", ["webhook-id", "Webhook-Signature", "WEBHOOK-TIMESTAMP", "webhook-x"])
def test_users_cannot_sign_by_hand(client: HttpClient, target: Target, name: str) -> None:
    outcome = HttpRunner(client).run({"url": target.url, "headers": {name: "x"}}, within(5))
    assert (outcome.failure, target.seen) == (FailureKind.INVALID_INPUT, [])


@pytest.mark.parametrize(
    ("secret", "field"),
    [
        (None, "signing.secret"),
        ("", "signing.secret"),
        ([], "signing.secret"),
        ([NEW] * 6, "signing.secret"),
        (5, "signing.secret"),
        ("whsec_", "signing.secret"),
        ("whsec_not base64!", "signing.secret"),
        (NEW.removeprefix("whsec_"), "signing.secret"),
        ("whsec_" + base64.b64encode(b"x" * 23).decode(), "signing.secret"),
        ("whsec_" + base64.b64encode(b"x" * 65).decode(), "signing.secret"),
        ([NEW, "whsec_x"], "signing.secret[1]"),
        ([NEW, 5], "signing.secret[1]"),
        ("whsec_ü", "signing.secret"),
    ],
)
def test_a_secret_that_cannot_sign_sends_nothing(client: HttpClient, target: Target, secret: Any, field: str) -> None:
    outcome = called(client, target, secret)
    assert (outcome.failure, target.seen) == (FailureKind.INVALID_INPUT, [])
    assert (outcome.error or "").startswith(f"{field}: ")
    assert NEW not in (outcome.error or "")
