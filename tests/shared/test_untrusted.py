"""JSON from strangers."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.job import JsonValue
from shared.untrusted import MAX_DEPTH, deeper_than, parse_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_reads_what_json_writes(value: JsonValue) -> None:
    assert parse_json(json.dumps(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "NaN",
        "[Infinity]",
        "-Infinity",
        "[1e999]",
        "[" * 200 + "]" * 200,
        "[" * 100_000,
        "9" * 5000,
        "{'a': 1}",
    ],
)
def test_what_is_not_strictly_json_is_none(text: str) -> None:
    assert parse_json(text) is None


def test_depth_is_counted_in_lists_and_objects() -> None:
    value: JsonValue = 1
    for _ in range(MAX_DEPTH):
        value = {"a": [value]} if deeper_than(value, 5) else [value]
    assert deeper_than(value, MAX_DEPTH)
    assert not deeper_than([[1]], 2)
    assert deeper_than([[1]], 1)
