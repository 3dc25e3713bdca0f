"""Where secrets are named in inputs, and how their values get there."""

import pytest

from shared import placeholders, templating
from shared.errors import Fault, Invalid
from shared.job import JobInputType, JsonValue
from shared.templating import resolve

STATIC, TEMPLATE, OUTPUT = JobInputType.STATIC, JobInputType.TEMPLATE, JobInputType.JOB_OUTPUT
VALUES = {"TOKEN": "{{ secrets.OTHER }}", "OTHER": "o"}


@pytest.mark.parametrize("kind", [STATIC, TEMPLATE])
def test_secrets_are_named_anywhere_in_an_input(kind: JobInputType) -> None:
    value: JsonValue = {
        "headers": {"Authorization": "Bearer {{ secrets.TOKEN }}"},
        "list": ["{{secrets._x9}}{{ secrets.TOKEN  }}", 5, None],
    }
    named = [("headers.Authorization", "TOKEN"), ("list[0]", "_x9"), ("list[0]", "TOKEN")]
    assert list(placeholders.named(value, kind)) == named
    assert list(placeholders.named("{{ secrets.TOKEN }}", kind)) == [("", "TOKEN")]


def test_the_output_of_a_job_names_none() -> None:
    assert list(placeholders.named({"job": "{{ secrets.TOKEN }}"}, OUTPUT)) == []


@pytest.mark.parametrize("text", ["secrets.TOKEN", "{ secrets.TOKEN }", "{{ secrets.1 }}", "{{secrets. A}}", "{{ x }}"])
def test_whatever_is_not_exactly_a_placeholder_stays_as_it_is_written(text: str) -> None:
    assert list(placeholders.named(text, STATIC)) == []
    assert placeholders.fill({"a": text}, VALUES) == {"a": text}


def test_a_literal_that_looks_like_a_placeholder_is_none_in_a_template() -> None:
    text = "{{ '{{ secrets.TOKEN }}' }}"
    assert list(placeholders.named(text, TEMPLATE)) == []
    assert resolve(text, {}, VALUES) == "{{ secrets.TOKEN }}"


def test_what_was_filled_in_is_never_looked_at_again() -> None:
    given: JsonValue = {"a": "x {{ secrets.TOKEN }} {{ now }}"}
    assert placeholders.fill(given, VALUES) == {"a": "x {{ secrets.OTHER }} {{ now }}"}
    assert resolve(given, {"now": "{{ secrets.OTHER }}"}, VALUES) == {"a": "x {{ secrets.OTHER }} {{ secrets.OTHER }}"}


@pytest.mark.parametrize("fill", [placeholders.fill, lambda value, values: resolve(value, {}, values)])
def test_a_secret_that_does_not_exist_is_named_with_its_field(fill: object) -> None:
    with pytest.raises(Invalid, match=r"^headers.X\[1\]: there is no secret GONE$"):
        fill({"headers": {"X": ["", "{{ secrets.GONE }}"]}}, VALUES)  # type: ignore[operator]


@pytest.mark.parametrize("fill", [placeholders.fill, lambda value, values: resolve(value, {}, values)])
def test_no_input_grows_beyond_what_can_be_stored(fill: object) -> None:
    with pytest.raises(Invalid, match="larger than 256 KiB"):
        fill(["{{ secrets.BIG }}"] * 40, {"BIG": "x" * 8192})  # type: ignore[operator]


@pytest.mark.parametrize(
    "expression",
    [
        "secrets",
        "@.secrets.TOKEN",
        "secrets.TOKEN || 'x'",
        "join('', [secrets.TOKEN, 'x'])",
        "reverse(secrets.TOKEN)",
        "{a: secrets.TOKEN}",
        "secrets.*",
        "secrets | TOKEN",
        "secrets.TOKEN.x",
        "!secrets",
        "secrets == 'x'",
        'secrets."a-b"',
    ],
)
def test_no_expression_sees_secrets_and_saving_one_that_tries_says_so(expression: str) -> None:
    text = f"{{{{ {expression} }}}}"
    with pytest.raises(Invalid, match="a secret stands alone between its braces"):
        templating.check({"a": text})
    # One that was saved before there were secrets, or got in by other ways, finds nothing either.
    try:
        found = resolve({"a": text}, {"now": 1}, {"TOKEN": "opensesame"})
    except Invalid as error:
        found = str(error)
    assert "sesame" not in str(found)


@pytest.mark.parametrize(
    "expression", ["secrets.TOKEN", "jobs.a.output.secrets", "jobs.a[?secrets]", "sort_by(x, &secrets)"]
)
def test_fields_of_that_name_elsewhere_are_nobodys_business(expression: str) -> None:
    templating.check({"a": f"{{{{ {expression} }}}}"})


def test_what_is_wrong_with_a_text_that_is_to_be_filled_in_is_judged_later() -> None:
    value: JsonValue = {
        "signing": {"secret": ["{{ secrets.A }}"]},
        "url": "{{ secrets.B }}",
        "method": "X",
        "list": ["y"],
    }
    fields = ("in.signing.secret", "in.signing.secret[0]", "in.url", "in.method", "in.list", "in")
    left = placeholders.excused([Fault(field, "is wrong") for field in fields], value, "in")
    assert [fault.field for fault in left] == ["in.method", "in.list", "in"]
