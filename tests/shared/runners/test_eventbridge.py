"""The eventbridge job type: against moto's bus, and against an endpoint that answers as EventBridge does."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.outcome import FailureKind, Outcome
from shared.runners import eventbridge
from shared.runners.aws import Aws, AwsRunner
from tests.shared.runners.clouds import arn, aws, broken, credentials, nowhere, own_client
from tests.shared.runners.conftest import within
from tests.targets import Target

__all__ = ["aws", "broken", "credentials"]

BUS = arn("events", "event-bus/orders")


def put(aws: Aws, **fields: Any) -> Outcome:
    event = {"event_bus_arn": BUS, "source": "org.example", "detail_type": "made", "detail": {"id": 5}, **fields}
    context = replace(within(5), at=datetime(2030, 1, 31, 9, tzinfo=UTC))
    return AwsRunner(aws, eventbridge.read).run(event, context)


def test_the_bus_gets_the_event(aws: Aws) -> None:
    events = own_client("events")
    events.create_event_bus(Name="orders")
    events.create_archive(ArchiveName="all", EventSourceArn=BUS)
    outcome = put(aws)
    assert isinstance(outcome.output, dict), outcome.error
    assert outcome.output["event_id"]
    assert events.describe_archive(ArchiveName="all")["EventCount"] == 1


def test_what_is_put_says_who_says_it_and_when(broken: Aws, target: Target) -> None:
    target.said = json.dumps({"FailedEntryCount": 0, "Entries": [{"EventId": "e-1"}]})
    outcome = put(broken)
    assert isinstance(outcome.output, dict), outcome.error
    assert outcome.output["event_id"] == "e-1"
    (entry,) = json.loads(target.seen[0].body)["Entries"]
    instant = datetime(2030, 1, 31, 9, tzinfo=UTC).timestamp()
    assert entry == {
        "EventBusName": BUS,
        "Source": "org.example",
        "DetailType": "made",
        "Detail": '{"id": 5}',
        "Time": instant,
    }


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ThrottlingException", "rate_limited"),
        ("InternalFailure", "server_error"),
        ("MalformedDetail", "unexpected_status"),
        ("NotAuthorizedForSourceException", "unexpected_status"),
    ],
)
def test_an_entry_that_failed_within_an_answer_of_200_fails_the_job(
    broken: Aws, target: Target, code: str, kind: str
) -> None:
    target.said = json.dumps({"FailedEntryCount": 1, "Entries": [{"ErrorCode": code, "ErrorMessage": "no"}]})
    outcome = put(broken)
    assert (outcome.failure, outcome.maybe_sent) == (kind, False)
    assert outcome.error == f"EventBridge did not take the event: {code}: no"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"event_bus_arn": "default"}, "event_bus_arn"),
        ({"event_bus_arn": arn("events", "rule/x")}, "event_bus_arn"),
        ({"source": ""}, "source"),
        ({"source": "aws.ec2"}, "source"),
        ({"detail_type": None}, "detail_type"),
        ({"detail": [1]}, "detail"),
    ],
)
def test_input_that_cannot_be_used_names_the_field(fields: dict[str, Any], field: str) -> None:
    outcome = put(nowhere(), **fields)
    assert outcome.failure == FailureKind.INVALID_INPUT
    assert (outcome.error or "").startswith(f"{field}: "), outcome.error
