"""Values are found however they are spelled, and nothing else is touched."""

import base64
import html
import json
import string
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.job import JsonValue
from shared.outcome import Outcome
from shared.redaction import MARK, MAX_PATTERN, NOTHING, Redaction

NASTY = "p@ss w/\"ö\\rd+&=<canary>%\n'99"
LONG = "-----BEGIN KEY-----\n" + "\n".join(string.ascii_letters[number:] for number in range(20)) + "\n-----END-----"

SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": lambda value: value,
    "in capitals": str.upper,
    "in a path": quote,
    "in a query": quote_plus,
    "in a component": lambda value: quote(value, safe=""),
    "in a lower-case escape": lambda value: "".join(
        f"%{byte:02x}" if byte > 127 else chr(byte) for byte in value.encode()
    ),
    "escaped twice": lambda value: quote(quote(value, safe=""), safe=""),
    "in JSON": lambda value: json.dumps(value)[1:-1],
    "in JSON as UTF-8": lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
    "in JSON in JSON": lambda value: json.dumps(json.dumps(value)[1:-1])[1:-1],
    "in JSON with slashes escaped": lambda value: json.dumps(value)[1:-1].replace("/", "\\/"),
    "in HTML": html.escape,
    "in base64": lambda value: base64.b64encode(value.encode()).decode(),
    "in base64 for URLs": lambda value: base64.urlsafe_b64encode(value.encode()).decode().rstrip("="),
    "in hexadecimal": lambda value: value.encode().hex(),
    "as Latin-1": lambda value: value.encode().decode("latin-1"),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("value", [NASTY, "tk_1f3a90bcdeadbeef", "pass", LONG[:100]])
def test_every_spelling_is_found(value: str, spelling: str) -> None:
    assert Redaction([value]).text(f"<<{SPELLINGS[spelling](value)}>>") == f"<<{MARK}>>"


UNUSUAL = {"in capitals", "escaped twice", "in a lower-case escape"}


@pytest.mark.parametrize("spelling", sorted(set(SPELLINGS) - UNUSUAL))
def test_long_values_are_found_in_their_usual_spellings(spelling: str) -> None:
    assert len(LONG) > MAX_PATTERN
    told = Redaction([LONG]).text(f"<<{SPELLINGS[spelling](LONG)}>>")
    assert MARK in told
    assert "abcdef" not in told
    assert len(told) < 20


@given(before=st.binary(max_size=12), after=st.binary(max_size=12), value=st.text(min_size=4, max_size=40))
@example(before=b"user:", after=b"", value="aaaa")
def test_in_the_middle_of_something_in_base64(before: bytes, after: bytes, value: str) -> None:
    data = value.encode()
    whole = base64.b64encode(before + data + after).decode()
    left = Redaction([value]).text("x " + whole)
    # What is left holds no more of the value than its neighbours share with it.
    offset = len(before) % 3
    middle = base64.b64encode(bytes(offset) + data).decode()[-(-offset * 8 // 6) : (offset + len(data)) * 8 // 6]
    assert middle not in left or middle in "x " + MARK


@given(value=st.text(min_size=4, max_size=60), around=st.text(max_size=30))
def test_no_value_survives_wherever_it_stands(value: str, around: str) -> None:
    redaction = Redaction([value])
    for spelled in (value, quote(value), quote_plus(value), json.dumps(value)[1:-1]):
        left = redaction.text(around + spelled + around)
        # A value that is a part of the mark itself is in every mark.
        assert spelled not in left.replace(MARK, "\x00")


def test_nothing_else_is_touched() -> None:
    redaction = Redaction(["tk_1f3a90bc"])
    innocent: JsonValue = {"status": 200, "tk_1f3a90": ["tk_", True, None, 1.5], "text": "tk_1f3a90b and so on" * 20}
    assert redaction.value(innocent) == innocent
    assert NOTHING.value(innocent) is innocent
    outcome = Outcome.completed(innocent)
    assert NOTHING.outcome(outcome) is outcome
    assert not NOTHING
    assert redaction


def test_json_is_redacted_in_values_names_and_numbers() -> None:
    redaction = Redaction(["hunter22", "12345678"])
    given: JsonValue = {
        "hunter22": ["a hunter22 b", {"pin": 12345678, "float": 12345678.5, "other": 1234567}],
        "ok": True,
    }
    assert redaction.value(given) == {MARK: [f"a {MARK} b", {"pin": MARK, "float": MARK, "other": 1234567}], "ok": True}


def test_an_outcome_keeps_all_but_the_value() -> None:
    failed = Outcome.failed("no such host: hunter22", {"a": "hunter22"}, retry_after=5)
    told = Redaction(["hunter22"]).outcome(failed)
    assert (told.error, told.output, told.retry_after) == (f"no such host: {MARK}", {"a": MARK}, 5)


@pytest.mark.parametrize("spelling", ["as it is", "in a query", "in JSON", "in base64", "in hexadecimal"])
def test_a_text_that_was_cut_in_the_middle_of_a_value_ends_before_it(spelling: str) -> None:
    text = "x" * 200 + SPELLINGS[spelling](NASTY)
    for cut in range(204, len(text)):
        told = Redaction([NASTY]).text(text[:cut])
        # Up to three characters at the very end may be of anything.
        assert told.lstrip("x") == MARK or len(told) - 200 < 4, (cut, told)
        assert len(told) <= 200 + len(MARK) + 3


def test_the_beginning_of_a_short_text_is_no_cut() -> None:
    assert Redaction(["password123"]).text("the word is pass") == "the word is pass"


def test_the_longer_of_two_values_goes_first() -> None:
    assert Redaction(["abcdef", "abcdefghij"]).text("<abcdefghij> <abcdef>") == f"<{MARK}> <{MARK}>"


def test_short_values_are_redacted_where_they_stand_alone() -> None:
    assert Redaction(["abc"]).value({"password": "abc", "text": "abcabc"}) == {"password": MARK, "text": "abcabc"}


def test_the_parts_of_a_structured_value_are_redacted_too() -> None:
    account = json.dumps({"type": "x", "private_key": "MIIEvQIBADANBg", "ids": ["client-1234"]}, indent=1)
    echo = {"body": {"private_key": "MIIEvQIBADANBg", "ids": ["client-1234"], "type": "x"}}
    assert Redaction([account]).value(echo) == {"body": {"private_key": MARK, "ids": [MARK], "type": "x"}}
    assert Redaction(["[" * 5000 + "abcd"]).text("abcdefgh") == "abcdefgh"


def test_the_host_of_a_url_is_redacted_as_it_is_looked_up() -> None:
    looked_up = "Größe.example".encode("idna").decode()
    assert Redaction(["Größe.example"]).text(f"cannot find the host {looked_up}") == f"cannot find the host {MARK}"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("\\" * 200 + '"x', "\\" * 64_000),
        ("\\" * 100 + '"x', "\\" * 64_000),
        ("%" * 120 + "x", "%25" * 20_000),
        ("a" * 4000 + "b", "a" * 64_000),
        ("a" * 127 + "b", "a" * 64_000),
        ("\n" * 127 + "b", "\r\n" * 32_000),
    ],
)
def test_no_value_makes_it_slow(value: str, text: str) -> None:
    """Not timed: one that tries every way of sharing a run out would take hours, and pytest stops it after a minute."""
    assert Redaction([value]).text(text)
