"""Inputs against the schema of their job type, in words for people."""

from typing import Any

import pytest

from shared.input_schema import faults

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["url", "name"],
    "properties": {
        "url": {"type": "string", "minLength": 1, "maxLength": 5},
        "name": {"type": ["string", "null"]},
        "size": {"type": "integer", "minimum": 1, "maximum": 9},
        "kind": {"enum": ["a", "b", None]},
        "code": {"type": "string", "pattern": "^x$", "description": "An x."},
        "list": {"type": "array", "minItems": 1, "items": {"type": "number"}},
    },
    "anyOf": [{"required": ["size"]}, {"required": ["kind", "code"]}],
}
GOOD = {"url": "u", "name": None, "size": 1}


def test_an_input_that_suits_has_no_faults() -> None:
    assert faults(GOOD, SCHEMA, "input") == []


@pytest.mark.parametrize(
    ("wrong", "field", "message"),
    [
        ({"url": 5}, "input.url", "must be text"),
        ({"url": ""}, "input.url", "must not be empty"),
        ({"url": "secret"}, "input.url", "is longer than 5"),
        ({"name": []}, "input.name", "must be text or null"),
        ({"size": 0}, "input.size", "must be at least 1"),
        ({"size": 10}, "input.size", "must be at most 9"),
        ({"kind": "secret"}, "input.kind", "must be one of a, b"),
        ({"code": "secret"}, "input.code", "is not as it should be. An x."),
        ({"list": []}, "input.list", "must not be empty"),
        ({"list": [1, "secret"]}, "input.list[1]", "must be a number"),
    ],
)
def test_each_fault_is_told_where_it_is_and_never_quotes_the_value(
    wrong: dict[str, Any], field: str, message: str
) -> None:
    (fault,) = faults({**GOOD, **wrong}, SCHEMA, "input")
    assert (fault.field, fault.message) == (field, message)


def test_all_faults_are_told_at_once_and_each_missing_name_on_its_own() -> None:
    found = {fault.field: fault.message for fault in faults({"kind": 1}, SCHEMA, "input")}
    assert found == {
        "input.url": "is needed",
        "input.name": "is needed",
        "input.kind": "must be one of a, b",
        "input": "needs size, or kind and code",
    }


def test_what_is_no_object_at_all_is_told_as_such() -> None:
    assert [fault.message for fault in faults([1], SCHEMA, "input")] == ["must be an object"]
