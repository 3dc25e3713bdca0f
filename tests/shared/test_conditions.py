"""Conditions: read strictly, decided without ever failing."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.conditions import next_jobs, parse, to_json
from shared.errors import Invalid
from shared.job import Comparison, Condition, ConditionRule, Filter, JobId, JsonObject, JsonValue

OUTPUT: JsonValue = {
    "status": 200,
    "headers": {"content-type": "application/json"},
    "body": {"state": "ready", "count": "12", "tags": ["a", 5], "at": "2026-01-02T00:00:00Z", "none": None, "on": True},
    "content-type": "text/plain",
}


def rule(job_id: JsonValue, *filters: JsonObject, **more: JsonValue) -> JsonObject:
    return {"filters": filters, "job_id": job_id} | more


def compare(name: str, comparison: str, value: JsonValue = None, should_match: bool = True) -> JsonObject:
    return {"name": name, "comparison_type": comparison, "value": value, "should_match": should_match}


def chosen(*rules: JsonObject, output: JsonValue = OUTPUT, context: JsonObject | None = None) -> JobId | None:
    following = next_jobs(parse({"version": 1, "condition_rules": rules}), output, context or {})
    assert len(following) < 2
    return next(iter(following), None)


@pytest.mark.parametrize(
    ("name", "comparison", "value", "holds"),
    [
        ("status", "equality", 200, True),
        ("status", "equality", "200", True),
        ("status", "equality", 200.0, True),
        ("status", "equality", "201", False),
        ("body.state", "equality", "ready", True),
        ("body.count", "equality", 12, True),
        ("body.on", "equality", True, True),
        ("body.on", "equality", "true", True),
        ("body.on", "equality", 1, False),
        ("body.none", "equality", None, True),
        ("body.none", "equality", "", False),
        ("body.tags", "equality", ["a", 5], True),
        ("status", "greater_than", 199, True),
        ("status", "greater_than", "199", True),
        ("status", "greater_than", 200, False),
        ("body.count", "greater_than", "9", True),
        ("body.count", "lesser_than", 13, True),
        ("body.at", "greater_than", "2026-01-01T23:59:59Z", True),
        ("body.at", "lesser_than", "2026-01-01T23:59:59Z", False),
        ("body.state", "greater_than", 5, False),
        ("body.state", "lesser_than", 5, False),
        ("body.on", "greater_than", 0, False),
        ("missing", "lesser_than", 5, False),
        ("body.state", "contains", "ead", True),
        ("body.state", "contains", "x", False),
        ("body.tags", "contains", "a", True),
        ("body.tags", "contains", "5", True),
        ("body.tags", "contains", 6, False),
        ("body", "contains", "state", True),
        ("body", "contains", "nothing", False),
        ("status", "contains", 2, False),
        ("body.state", "exists", None, True),
        ("body.none", "exists", None, False),
        ("body.nowhere", "exists", None, False),
        ("content-type", "equality", "text/plain", True),
        ('headers."content-type"', "contains", "json", True),
        ("length(body.tags)", "equality", 2, True),
        ("abs(body.state)", "equality", 2, False),
    ],
)
def test_each_comparison_and_its_negation(name: str, comparison: str, value: JsonValue, holds: bool) -> None:
    assert chosen(rule(5, compare(name, comparison, value))) == (5 if holds else None)
    assert chosen(rule(5, compare(name, comparison, value, should_match=False))) == (None if holds else 5)


def test_the_first_rule_whose_filters_all_hold_is_chosen() -> None:
    ready, busy = compare("body.state", "equality", "ready"), compare("body.state", "equality", "busy")
    assert chosen(rule(1, ready, busy), rule(2, ready), rule(3)) == 2
    assert chosen(rule(1, busy), rule(3)) == 3
    assert chosen(rule(1, busy)) is None


def test_when_looks_at_the_whole_run() -> None:
    context: JsonObject = {"jobs": {"first": {"status": "completed"}}}
    assert (
        chosen(rule(1, when="jobs.first.status == 'failed'"), rule(2, when="output.status == `200`"), context=context)
        == 2
    )
    assert chosen(rule(1, when="abs('x')"), context=context) is None


@pytest.mark.parametrize("output", [None, 5, "text", [], [1], True])
def test_outputs_of_any_kind_are_looked_at(output: JsonValue) -> None:
    assert chosen(rule(1, compare("a.b", "exists")), rule(2), output=output) == 2
    assert chosen(rule(1, compare("@", "equality", output)), output=output) == 1


@pytest.mark.parametrize("nothing", [None, "", " ", {}, "{}", "null", {"version": 1}, {"condition_rules": []}])
def test_nothing_is_no_condition(nothing: JsonValue) -> None:
    assert parse(nothing) == Condition()
    assert to_json(parse(nothing)) is None


def test_text_is_read_like_json_and_what_is_read_is_written_back() -> None:
    wire: JsonObject = {
        "version": 1,
        "condition_rules": [
            {"filters": [compare("body.state", "equality", "ready")], "when": "jobs", "job_id": 3},
            {"filters": [], "job_id": 4},
        ],
    }
    condition = parse(json.dumps(wire))
    assert condition == parse(wire)
    assert condition == Condition(
        (
            ConditionRule((JobId(3),), (Filter("body.state", Comparison.EQUALITY, "ready"),), "jobs"),
            ConditionRule((JobId(4),)),
        )
    )
    assert to_json(condition) == wire


def test_a_rule_may_lead_to_several_jobs() -> None:
    wire: JsonObject = {"version": 1, "condition_rules": [{"filters": [], "job_id": [5, 4]}]}
    assert next_jobs(parse(wire), None, {}) == (5, 4)
    assert to_json(parse(wire)) == wire


def test_a_list_of_one_is_written_back_as_that_one() -> None:
    assert to_json(parse({"condition_rules": [rule([5])]})) == to_json(parse({"condition_rules": [rule(5)]}))


def test_ids_may_be_text() -> None:
    assert chosen(rule("12")) == 12


@pytest.mark.parametrize(
    ("wire", "field"),
    [
        ("{", ""),
        ([1], ""),
        (5, ""),
        ({"version": 2, "condition_rules": []}, ".version"),
        ({"condition_rules": {}}, ".condition_rules"),
        ({"condition_rules": [5]}, ".condition_rules[0]"),
        ({"condition_rules": [rule(None)]}, ".condition_rules[0].job_id"),
        ({"condition_rules": [rule(True)]}, ".condition_rules[0].job_id"),
        ({"condition_rules": [rule(2**70)]}, ".condition_rules[0].job_id"),
        ({"condition_rules": [rule([])]}, ".condition_rules[0].job_id"),
        ({"condition_rules": [rule([1, 0])]}, ".condition_rules[0].job_id[1]"),
        ({"condition_rules": [rule([1, 2, "1"])]}, ".condition_rules[0].job_id[2]"),
        ({"condition_rules": [rule(1), rule(1, when="a.")]}, ".condition_rules[1].when"),
        ({"condition_rules": [rule(1, compare("", "exists"))]}, ".condition_rules[0].filters[0].name"),
        ({"condition_rules": [rule(1, compare("a[", "exists"))]}, ".condition_rules[0].filters[0].name"),
        ({"condition_rules": [rule(1, compare("a", "like"))]}, ".condition_rules[0].filters[0].comparison_type"),
        (
            {"condition_rules": [rule(1, {"name": "a", "comparison_type": "exists", "should_match": "yes"})]},
            ".condition_rules[0].filters[0].should_match",
        ),
    ],
)
def test_what_is_wrong_is_named(wire: JsonValue, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(wire)
    assert [fault.field for fault in caught.value.faults] == [f"condition{field}"]


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(Invalid) as caught:
        parse({"version": 9, "condition_rules": [rule("x", compare("a", "like")), rule(0)]})
    assert len(caught.value.faults) == 4


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    JSON, JSON, st.sampled_from(Comparison), st.sampled_from(["@", "a", "a.b[0]", "content-type", "abs(@)", "keys(@)"])
)
def test_deciding_never_fails(output: JsonValue, value: JsonValue, comparison: Comparison, name: str) -> None:
    condition = Condition((ConditionRule((JobId(1),), (Filter(name, comparison, value),)),))
    assert next_jobs(condition, output, {}) in ((1,), ())


@given(JSON)
def test_reading_never_does_worse_than_refusing(wire: JsonValue) -> None:
    with suppress(Invalid):
        assert isinstance(parse({"condition_rules": wire}), Condition)


def test_a_value_that_repeats_itself_matches_nothing() -> None:
    name = " | ".join(["[@,@]"] * 60)
    assert chosen(rule(1, compare(name, "equality", "x")), rule(2)) == 2
