"""Redaction: values that nobody may read are taken out of everything that is stored, logged or answered.

They are found by value, however they are spelled there: as they are, in a URL, escaped in JSON or HTML, in base64 (also
in the middle of something longer, as in ``Authorization: Basic``), in hexadecimal; and where a text was cut in the
middle of one.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from html import escape
from itertools import groupby
from urllib.parse import quote, quote_plus

from shared.job import JsonValue
from shared.outcome import Outcome
from shared.secret import MIN_CHARACTERS

MARK = "[redacted]"
# Of structured values, such as a service account's JSON, the parts are redacted, too, if they are as long as this.
MIN_PART = 8
# Any mixture of escapes is looked for in values up to this length. Longer ones are looked for in their usual spellings,
# because a regular expression may compare every character of a text with every one of theirs.
MAX_PATTERN = 128
# No text that is shorter was cut.
MIN_CUT = 100

_BASE64 = "[A-Za-z0-9+/_-]"
_SHORT_ESCAPES = {'"': '"', "/": "/", "\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}
_ESCAPE = re.compile("%[0-9A-F]{2}")
_URL_SAFE = str.maketrans("+/", "-_")
_NUMERIC = re.compile(r"[\d.eE+-]+")


class Redaction:
    """Takes these values out. One without any gives back what it is given, at no cost."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values = frozenset(filter(None, values))

    def __bool__(self) -> bool:
        return bool(self._values)

    def and_of(self, values: Iterable[str]) -> "Redaction":
        """The same, and these."""
        added = self._values.union(filter(None, values))
        return self if added == self._values else Redaction(added)

    def text(self, text: str) -> str:
        """A text without them."""
        if not self._values:
            return text
        if text in self._values:
            return MARK
        if len(text) < MIN_CHARACTERS:
            return text
        for spelling in self._long:
            text = text.replace(spelling, MARK)
        text = self._pattern.sub(MARK, text) if self._pattern else text
        return self._without_tail(text) if len(text) >= MIN_CUT else text

    def value(self, value: JsonValue) -> JsonValue:
        """JSON without them, names of fields included."""
        if not self._values or value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, int | float):
            return MARK if self._numeric and self.text(json.dumps(value)) != json.dumps(value) else value
        if isinstance(value, Mapping):
            return {self.text(key): self.value(item) for key, item in value.items()}
        return [self.value(item) for item in value]

    def outcome(self, outcome: Outcome) -> Outcome:
        """What a job answered, without them."""
        if not self._values:
            return outcome
        error = None if outcome.error is None else self.text(outcome.error)
        return replace(outcome, output=self.value(outcome.output), error=error)

    @cached_property
    def _all(self) -> list[str]:
        """With their parts, longest first: a short one may be a part of a long one."""
        found = {part for value in self._values for part in (value, value.strip(), *_parts(value))}
        return sorted((part for part in found if len(part) >= MIN_CHARACTERS), key=len, reverse=True)

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        forms = [form for value in self._all if len(value) <= MAX_PATTERN for form in _forms(value)]
        return re.compile("|".join(forms)) if forms else None

    @cached_property
    def _long(self) -> list[str]:
        return [form for value in self._all if len(value) > MAX_PATTERN for form in dict.fromkeys(_spellings(value))]

    @cached_property
    def _numeric(self) -> bool:
        return any(_NUMERIC.fullmatch(value) for value in self._values)

    @cached_property
    def _beginnings(self) -> list[tuple[str, bool]]:
        """What a text that was cut may end with the beginning of, and whether capitals matter."""
        forms = {form for value in self._all for form in _spellings(value)}
        return [*((form.lower(), False) for form in forms), *((form, True) for form in forms)]

    def _without_tail(self, text: str) -> str:
        lower = text.lower()
        cuts = [cut for form, exact in self._beginnings if (cut := _cut(text if exact else lower, form)) is not None]
        return text[: min(cuts)] + MARK if cuts else text


NOTHING = Redaction()


def _cut(text: str, form: str) -> int | None:
    """Where at the end of a text the beginning of a form stands."""
    start = max(len(text) - len(form) + 1, 0)
    while (start := text.find(form[:MIN_CHARACTERS], start)) >= 0:
        if form.startswith(text[start:]):
            return start
        start += 1
    return None


def _parts(value: str) -> Iterator[str]:
    """The texts in a value that is JSON: a target may answer it as an object."""
    if value.lstrip()[:1] not in ("{", "["):
        return
    try:
        waiting = [json.loads(value)]
    except (ValueError, RecursionError):
        return
    while waiting:
        item = waiting.pop()
        if isinstance(item, str) and len(item) >= MIN_PART:
            yield item
        waiting += item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()


def _forms(value: str) -> Iterator[str]:
    """Regular expressions for the ways in which a value may be spelled."""
    yield f"(?i:{_any_escape(value)})"
    data = value.encode("utf-8", "replace")
    yield f"(?i:{data.hex()})"
    for before, middle, after in _in_base64(data):
        # The character at either end belongs to the value only in part.
        yield f"{_BASE64 * before}{_base64_spelled(middle)}" + (f"(?:{_BASE64}(?:=|%3D){{0,2}})?" if after else "")
    if not value.isascii():
        # UTF-8 that somebody took for another encoding; a host's name is written in ASCII.
        yield from (re.escape(data.decode(wrong, "replace")) for wrong in ("latin-1", "cp1252"))
        yield from _as_host(value)


def _as_host(value: str) -> Iterator[str]:
    try:
        yield f"(?i:{re.escape(value.encode('idna').decode())})"
    except UnicodeError:
        return


def _spellings(value: str) -> Iterator[str]:
    """The usual ones, written out."""
    yield from (value, escape(value), value.replace("\n", "\r\n"))
    for ascii_only in (True, False):
        once = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield from (once, once.replace("/", r"\/"), json.dumps(once)[1:-1])
    for encoded in (quote(value, safe=""), quote(value), quote_plus(value), quote(value, safe="!$&'()*+,;=:@/?")):
        yield from (encoded, _ESCAPE.sub(lambda found: found[0].lower(), encoded))
    data = value.encode("utf-8", "replace")
    yield from (data.hex(), data.decode("latin-1"))
    for _, middle, _ in _in_base64(data):
        yield from (middle, middle.translate(_URL_SAFE))


def _any_escape(value: str) -> str:
    """Each character in any of its escapes, so that no mixture is missed; letters and digits are never escaped."""
    runs = ((char, len(list(run))) for char, run in groupby(value))
    return "".join(_backslashes(count) if char == "\\" else _escaped(char) * count for char, count in runs)


def _backslashes(count: int) -> str:
    # As one run: a quantifier for each would try every way of sharing them out.
    most = 4 * count if count <= 8 else count
    return rf"(?:\\{{{count},{most}}}|(?:%(?:25)*5C){{{count}}}|(?:\\{{1,8}}u005c){{{count}}})"


def _escaped(char: str) -> str:
    if char.isascii() and char.isalnum():
        return char
    forms = [re.escape(char), "".join(f"%(?:25)*{byte:02X}" for byte in char.encode("utf-8", "replace"))]
    units = char.encode("utf-16-be", "surrogatepass")
    forms.append("".join(rf"\\{{1,8}}u{units[at : at + 2].hex()}" for at in range(0, len(units), 2)))
    forms.append(f"&#(?:{ord(char)}|x0*{ord(char):x});")
    if char in _SHORT_ESCAPES:
        forms.append(rf"\\{{1,8}}{_SHORT_ESCAPES[char]}")
    if char in "&<>\"'":
        forms.append(re.escape(escape(char)))
    if char == " ":
        forms.append(r"\+")
    if char == "\n":
        forms += ["\r\n", r"\\{1,8}r\\{1,8}n", "%0D%0A"]
    return f"(?:{'|'.join(forms)})"


def _in_base64(data: bytes) -> Iterator[tuple[int, str, int]]:
    """How base64 spells it at each of the three places where it may begin: characters that are all its own.

    Before and after them: whether there is one that it shares with its neighbours.
    """
    for offset in range(3):
        begin, end = -(-offset * 8 // 6), (offset + len(data)) * 8 // 6
        encoded = base64.b64encode(bytes(offset) + data).decode()
        yield int(offset > 0), encoded[begin:end], int((offset + len(data)) % 3 > 0)


def _base64_spelled(middle: str) -> str:
    swapped = {"+": r"(?:\+|-|%2[Bb])", "/": r"(?:/|_|%2[Ff]|\\/)"}
    return "".join(swapped.get(char, char) for char in middle)
