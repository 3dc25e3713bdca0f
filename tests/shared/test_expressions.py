"""JMESPath within bounds: strangers write the expressions."""

import time

import pytest

from shared.expressions import BadExpression, Budget, evaluate, parse
from shared.job import JsonValue

DATA: JsonValue = {"x": [1, 2, 3], "s": "abc" * 1000, "a": {"b": {"c": [{"n": 1}, {"n": 2}]}}, "t": True}


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("a.b.c[*].n", [1, 2]),
        ("a.b.c[?n == `2`] | [0].n", 2),
        ("a.b.c[?n > `1`].n", [2]),
        ("missing.entirely", None),
        ("length(x)", 3),
        ("[x, [x]][]", [1, 2, 3, [1, 2, 3]]),
        ("x[]", [1, 2, 3]),
        ("s[]", None),
        ("t == `true`", True),
        ("t == `1`", False),
        ("x == `[1, 2, 3]`", True),
        ("x != `[1, 2, 3]`", False),
        ("s < `1`", None),
        ("join('-', ['a', 'b'])", "a-b"),
    ],
)
def test_finds_what_jmespath_finds(expression: str, found: JsonValue) -> None:
    assert evaluate(expression, DATA, Budget()) == found


@pytest.mark.parametrize(
    "expression",
    [
        "x | " + " | ".join(["[@,@][]"] * 30),
        "x | " + " | ".join(["[@,@]"] * 50) + "[*]" * 10,
        " | ".join(["[@,@]"] * 50) + " | to_string(@)",
        "s | " + " | ".join(["join('', [@,@])"] * 50),
        "x | " + " | ".join(["[@,@]"] * 50) + " | @ == [@]",
        "x | " + " | ".join(["[@,@]"] * 50) + " | contains(@, `1`)",
        "map(&[@,@][], [x,x]) | " + " | ".join(["[@,@][]"] * 30),
    ],
)
def test_what_doubles_with_each_step_is_stopped_early(expression: str) -> None:
    started = time.monotonic()
    budget = Budget()
    with pytest.raises(BadExpression, match=r"too much work|steps in a row"):
        budget.charge_for(evaluate(expression, DATA, budget))
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "a.",
        "a b",
        "it's",
        "nope(x)",
        "[" * 9 + "x" + "]" * 9,
        "!" * 4000 + "x",
        "(" * 1500 + "x" + ")" * 1500,
        " || ".join("y" * 200),
        "`" + "[" * 3000 + "`",
        "x" * 5000,
        "'é'" * 1000,
    ],
)
def test_what_cannot_be_understood_is_known_before_it_runs(expression: str) -> None:
    with pytest.raises(BadExpression):
        parse(expression)


@pytest.mark.parametrize(
    "expression", ["abs('x')", "sort(@)", "x[::0]", "sum(['a'])", "join(x, x)", "sort_by(x, &@.y)"]
)
def test_what_fails_on_the_data_is_the_expression_s_fault(expression: str) -> None:
    with pytest.raises(BadExpression):
        evaluate(expression, DATA, Budget())


def test_eight_levels_of_nesting_are_fine() -> None:
    assert evaluate("[" * 8 + "t" + "]" * 8, DATA, Budget()) == [[[[[[[[True]]]]]]]]


def test_long_paths_are_fine() -> None:
    assert evaluate(".".join(["a"] * 60), DATA, Budget()) is None
