"""Templates fill parsed JSON, so nothing that is filled in can change its shape."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import templating
from shared.errors import Invalid
from shared.job import JsonObject, JsonValue

CONTEXT: JsonObject = {
    "jobs": {
        "fetch": {
            "status": "completed",
            "output": {"status": 200, "body": {"items": [{"id": 7}], "name": 'a"b', "n": None}},
        }
    },
    "schedule": {"name": "nightly"},
    "trigger": {"id": 1},
    "now": "2026-01-01T00:00:00Z",
    "braces": "{{ trigger.id }}",
    "yes": True,
    "half": 0.5,
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


def one(text: str) -> JsonValue:
    return templating.resolve(text, CONTEXT)


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("{{ jobs.fetch.output.body.items }}", [{"id": 7}]),
        ("{{jobs.fetch.output.status}}", 200),
        ("{{ jobs.fetch.output.body.n }}", None),
        ("{{ jobs.nobody.output }}", None),
        ("{{ yes }}", True),
        ("{{ {a: {b: trigger.id}} }}", {"a": {"b": 1}}),
        ("{{ '}}' }}", "}}"),
        ("{{ '{{' }}", "{{"),
        ('{{ `{"a": {"b": 1}}` }}', {"a": {"b": 1}}),
        ('{{ "now" }}', "2026-01-01T00:00:00Z"),
    ],
)
def test_a_string_that_is_one_expression_becomes_the_value(text: str, becomes: JsonValue) -> None:
    assert one(text) == becomes


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("plain", "plain"),
        ("", ""),
        ("{ not } a template }}", "{ not } a template }}"),
        ("at {{ now }}!", "at 2026-01-01T00:00:00Z!"),
        ("{{ trigger.id }}{{ trigger.id }}", "11"),
        ("it's {{ schedule.name }}, isn't it", "it's nightly, isn't it"),
        ("<{{ jobs.fetch.output.body.n }}>", "<>"),
        ("<{{ yes }}|{{ half }}>", "<true|0.5>"),
        ("<{{ jobs.fetch.output.body.items }}>", '<[{"id":7}]>'),
        ("a{{ braces }}", "a{{ trigger.id }}"),
        (" {{ trigger.id }}", " 1"),
    ],
)
def test_within_text_a_value_becomes_text_and_is_not_looked_at_again(text: str, becomes: str) -> None:
    assert one(text) == becomes


def test_lists_and_objects_are_filled_in_place_and_keys_are_left_alone() -> None:
    template: JsonValue = {"{{ now }}": ["{{ trigger.id }}", {"a": "{{ jobs.fetch.output.body.name }}"}], "n": 5}
    assert templating.resolve(template, CONTEXT) == {"{{ now }}": [1, {"a": 'a"b'}], "n": 5}


@pytest.mark.parametrize(
    ("template", "field"),
    [
        ({"request_body": {"items": ["{{ a. }}"]}}, "request_body.items[0]"),
        ({"url": "{{ a"}, "url"),
        ({"url": "{{ }}"}, "url"),
        (["{{ nope(x) }}"], "[0]"),
        ("{{ a b }}", "input"),
        ({"a": "{{ " + "x" * 5000 + " }}"}, "a"),
    ],
)
def test_faults_are_named_by_field_when_saved_and_when_run(template: JsonValue, field: str) -> None:
    with pytest.raises(Invalid) as saved:
        templating.check(template)
    with pytest.raises(Invalid) as run:
        templating.resolve(template, CONTEXT)
    assert [fault.field for fault in saved.value.faults] == [field]
    assert [fault.field for fault in run.value.faults] == [field]


def test_all_faults_of_a_template_are_told_at_once() -> None:
    with pytest.raises(Invalid) as caught:
        templating.check({"a": "{{ ", "b": ["ok {{ now }}", "{{ x. }}"]})
    assert [fault.field for fault in caught.value.faults] == ["a", "b[1]"]


def test_what_only_fails_on_the_data_is_named_too() -> None:
    templating.check({"a": "{{ abs(now) }}"})
    with pytest.raises(Invalid, match=r"^a: .*abs"):
        templating.resolve({"a": "{{ abs(now) }}"}, CONTEXT)


def test_the_output_is_capped() -> None:
    big: JsonObject = {"text": "x" * 100_000}
    assert templating.resolve(["{{ text }}", "{{ text }}"], big) == ["x" * 100_000] * 2
    with pytest.raises(Invalid, match=r"^\[2\]: the result is larger than 256 KiB"):
        templating.resolve(["{{ text }}", "{{ text }}", "{{ text }}"], big)


def test_a_value_that_repeats_itself_is_measured_before_it_is_built() -> None:
    with pytest.raises(Invalid, match=r"too much work|larger than"):
        templating.resolve("{{ now | " + " | ".join(["[@,@]"] * 40) + " }}", CONTEXT)


def test_depth_is_capped() -> None:
    deep: JsonValue = "x"
    for _ in range(100):
        deep = [deep]
    with pytest.raises(Invalid, match="nested too deeply"):
        templating.check(deep)


def test_a_result_that_is_no_json_is_refused() -> None:
    with pytest.raises(Invalid, match="cannot be written as JSON"):
        one("{{ to_number('1e999') }}")


@given(JSON)
def test_any_value_arrives_as_it_is(value: JsonValue) -> None:
    assert templating.resolve({"a": ["{{ v }}"]}, {"v": value}) == {"a": [value]}


@given(st.text(), st.text(alphabet=st.characters(exclude_characters="{}")))
def test_no_text_can_break_the_json_it_is_put_into(value: str, around: str) -> None:
    filled = templating.resolve({"a": f"{around}{{{{ v }}}}{around}", "b": 1}, {"v": value})
    assert json.loads(json.dumps(filled)) == {"a": f"{around}{value}{around}" if around else value, "b": 1}


@given(st.text(alphabet="{}'\"`\\ abc.[]()|@&!"))
def test_no_template_does_worse_than_being_refused(text: str) -> None:
    with suppress(Invalid):
        assert json.dumps(templating.resolve(text, {"a": {"b": [1]}, "c": "x"}))


def test_hostile_quoting_costs_no_more_than_reading_it() -> None:
    with pytest.raises(Invalid):
        templating.check("{{ '" * 20_000)
