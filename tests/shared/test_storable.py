"""Whatever a target answers can be recorded."""

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from shared.storable import MAX_DEPTH, parse_json, storable

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
)


def test_replaces_what_jsonb_refuses_and_nothing_else() -> None:
    assert storable({"a\x00": ["\ud800x", math.inf, 1.5, None, True]}) == {"a�": ["�x", "inf", 1.5, None, True]}


@given(ANYTHING)
def test_anything_becomes_strict_json_in_utf_8(value: object) -> None:
    text = json.dumps(storable(value), allow_nan=False, ensure_ascii=False)  # type: ignore[arg-type]
    assert b"\x00" not in text.encode()


def test_depth_is_bounded() -> None:
    value: object = 1
    for _ in range(10 * MAX_DEPTH):
        value = [value]
    assert "nested too deeply" in json.dumps(storable(value))  # type: ignore[arg-type]


def test_only_json_is_parsed_and_only_to_a_sane_depth() -> None:
    assert parse_json('{"a": [1]}') == {"a": [1]}
    for text in ("", "x", "NaN", "[1e999, Infinity]", "[" * 100 + "]" * 100, "[" * 100_000, "9" * 5000):
        assert parse_json(text) is None
