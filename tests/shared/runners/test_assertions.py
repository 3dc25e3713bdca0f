"""Assertions about an HTTP answer: each that does not hold is named; what cannot be one is refused when it is saved."""

from typing import Any

import pytest

from shared.errors import Invalid
from shared.outcome import FailureKind, Outcome
from shared.runners.assertions import MAX_ASSERTIONS, failing, parse
from shared.runners.http import HttpRunner, check
from shared.runners.http_client import HttpClient
from tests.shared.runners.conftest import within
from tests.targets import Target

ANSWER: dict[str, Any] = {
    "status": 200,
    "headers": {"content-type": "application/json", "x-count": "5"},
    "body": {"items": [{"state": "ok"}, {"state": "late"}], "total": 2},
    "truncated": False,
    "timings": {"total": 0.25},
}


def told(*assertions: dict[str, Any], **answer: Any) -> list[str]:
    return failing(parse(list(assertions)), ANSWER | answer)


@pytest.mark.parametrize(
    "assertion",
    [
        {"of": "status", "value": 200},
        {"of": "status", "value": "200"},
        {"of": "status", "comparison_type": "lesser_than", "value": 300},
        {"of": "status", "value": 500, "should_match": False},
        {"of": "header", "name": "Content-Type", "comparison_type": "contains", "value": "json"},
        {"of": "header", "name": "x-count", "comparison_type": "greater_than", "value": 4},
        {"of": "header", "name": "x-none", "comparison_type": "exists", "should_match": False},
        {"of": "body", "name": "items[0].state", "value": "ok"},
        {"of": "body", "name": "length(items)", "value": 2},
        {"of": "body", "name": "items[].state", "comparison_type": "contains", "value": "late"},
        {"of": "body", "comparison_type": "contains", "value": '"state": "late"'},
        {"of": "duration_ms", "comparison_type": "lesser_than", "value": 300},
        {"of": "duration_ms", "value": 250},
    ],
)
def test_what_holds_is_not_mentioned(assertion: dict[str, Any]) -> None:
    assert told(assertion) == []


@pytest.mark.parametrize(
    ("assertion", "sentence"),
    [
        ({"of": "status", "value": 201}, "status equality 201, found 200"),
        ({"of": "status", "value": 200, "should_match": False}, "status not equality 200, found 200"),
        ({"of": "header", "name": "x-none", "value": "a"}, 'header x-none equality "a", found null'),
        ({"of": "header", "name": "x-none", "comparison_type": "exists"}, "header x-none exists, found null"),
        ({"of": "body", "name": "items[1].state", "value": "ok"}, 'body items[1].state equality "ok", found "late"'),
        (
            {"of": "duration_ms", "comparison_type": "lesser_than", "value": 200},
            "duration_ms lesser_than 200, found 250.0",
        ),
        ({"of": "body", "name": "sum(items)", "value": 1}, None),
    ],
)
def test_what_does_not_hold_is_named_with_what_was_found(assertion: dict[str, Any], sentence: str | None) -> None:
    (said,) = told(assertion)
    assert said.startswith("assertions[0]: ")
    assert sentence is None or said == f"assertions[0]: {sentence}"


def test_all_that_do_not_hold_are_named_by_their_place() -> None:
    said = told({"of": "status", "value": 1}, {"of": "status", "value": 200}, {"of": "status", "value": 2})
    assert [sentence.partition(":")[0] for sentence in said] == ["assertions[0]", "assertions[2]"]


def test_a_text_is_looked_at_as_text_and_long_ones_are_cut() -> None:
    assert told({"of": "body", "comparison_type": "contains", "value": "read"}, body="all ready") == []
    (said,) = told({"of": "body", "comparison_type": "contains", "value": "ready"}, body="no" * 5000)
    assert len(said) < 250


def test_expressions_of_all_assertions_share_one_budget() -> None:
    body = {"a": ["x" * 40_000] * 5}
    many = [{"of": "body", "name": "a[]", "comparison_type": "exists"}] * MAX_ASSERTIONS
    said = told(*many, body=body)
    assert said
    assert said[-1].endswith("the expression does too much work")


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        ("status", {"assertions"}),
        ([{"of": "status", "value": 1}] * (MAX_ASSERTIONS + 1), {"assertions"}),
        (["status"], {"assertions[0]"}),
        ([{}], {"assertions[0].of", "assertions[0].value"}),
        ([{"of": "weather", "value": 1}], {"assertions[0].of"}),
        ([{"of": "status"}], {"assertions[0].value"}),
        ([{"of": "status", "value": 1, "comparison_type": "like"}], {"assertions[0].comparison_type"}),
        ([{"of": "status", "value": 1, "should_match": "no"}], {"assertions[0].should_match"}),
        ([{"of": "status", "value": 1, "name": "x"}], {"assertions[0].name"}),
        ([{"of": "header", "value": 1}], {"assertions[0].name"}),
        ([{"of": "body", "value": 1, "name": "a["}], {"assertions[0].name"}),
        ([{"of": "body", "value": 1, "name": 5}], {"assertions[0].name"}),
        ([{"of": "body", "value": 1, "path": "x"}], {"assertions[0].path"}),
        ([{"of": ["status"], "value": 1}], {"assertions[0].of"}),
        (
            [{"of": "status", "value": 1}, {"of": "x", "value": 1}, {"of": "header", "value": 1}],
            {"assertions[1].of", "assertions[2].name"},
        ),
    ],
)
def test_what_can_be_no_assertion_is_refused_with_every_field(value: Any, fields: set[str]) -> None:
    with pytest.raises(Invalid) as error:
        check({"url": "https://example.org", "assertions": value})
    assert {fault.field for fault in error.value.faults} == fields


def called(client: HttpClient, target: Target, *assertions: dict[str, Any], path: str = "/echo?a=1") -> Outcome:
    return HttpRunner(client).run({"url": f"{target.url}{path}", "assertions": list(assertions)}, within(5))


def test_a_job_whose_assertions_hold_completes(client: HttpClient, target: Target) -> None:
    assert called(client, target, {"of": "body", "name": "query.a[0]", "value": 1}).ok
    assert called(client, target).ok


def test_a_job_whose_assertions_do_not_hold_fails_and_keeps_the_answer(client: HttpClient, target: Target) -> None:
    outcome = called(client, target, {"of": "status", "value": 200}, {"of": "body", "name": "method", "value": "PUT"})
    assert (outcome.failure, outcome.maybe_sent) == (FailureKind.ASSERTION_FAILED, True)
    assert outcome.error == '1 of 2 assertions failed: assertions[1]: body method equality "PUT", found "GET"'
    assert isinstance(outcome.output, dict)
    assert outcome.output["status"] == 200


def test_a_status_that_is_not_expected_comes_first(client: HttpClient, target: Target) -> None:
    outcome = called(client, target, {"of": "status", "value": 200}, path="/status/503")
    assert outcome.failure == FailureKind.SERVER_ERROR


def test_assertions_that_cannot_be_read_send_nothing(client: HttpClient, target: Target) -> None:
    outcome = called(client, target, {"of": "weather", "value": "fine"})
    assert (outcome.failure, target.seen) == (FailureKind.INVALID_INPUT, [])
