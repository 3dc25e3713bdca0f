"""ETags: If-None-Match spares who asks again what has not changed, If-Match spares others a change made unseen.

A tag is a hash of what is shown, and not of a version or a time: what is shown contains what has no version of its own,
such as the jobs of an action or the last run of a schedule.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Generic, TypeVar

from chalicelib.answer import Answer, to_json
from chalicelib.call import Call
from chalicelib.problems import Stale
from shared.manage.expected import Expected

T = TypeVar("T")

_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')  # RFC 9110, 8.8.3


@dataclass(frozen=True, slots=True)
class Shown(Generic[T]):
    """How a resource is read: under its name. ``volatile`` are fields that change without anybody changing it.

    With them its tag has two parts, ``"state.rest"``. It changes with everything that is shown, as a reader needs it;
    a writer has seen the latest when the state is the same, however often a schedule has fired since.
    """

    name: str
    to_json: Callable[[T], Mapping[str, Any]]
    volatile: frozenset[str] = frozenset()

    def answer(self, found: T) -> Answer:
        """The answer to a read."""
        shown = self.to_json(found)
        return Answer({self.name: shown}, headers={"ETag": self._tag(shown)})

    def expected(self, call: Call) -> Expected[T]:
        """What If-Match asks for: a check that raises ``Stale`` for a thing in another state; None without it."""
        wanted = _wanted(call)
        if wanted is None:
            return None

        def check(found: T) -> None:
            tag = self._tag(self.to_json(found))
            if _state(tag.strip('"')) not in wanted:
                raise Stale(tag)

        return check

    def _tag(self, shown: Mapping[str, Any]) -> str:
        state = _hash(to_json({name: value for name, value in shown.items() if name not in self.volatile}))
        rest = {name: value for name, value in shown.items() if name in self.volatile}
        return f'"{state}.{_hash(to_json(rest))}"' if rest else f'"{state}"'


def expect_nothing(call: Call) -> None:
    """For what has no state that could be read: raises ``Stale`` when If-Match asks for one."""
    if _wanted(call) is not None:
        raise Stale(None)


def revalidated(call: Call, answer: Answer) -> Answer:
    """The answer to a read with its tag, or 304 without a body when the caller has it already."""
    if call.request.method != "GET" or answer.status is not HTTPStatus.OK:
        return answer
    text = answer.text
    tag = answer.headers.get("ETag") or f'"{_hash(text)}"'
    given = call.header("if-none-match")
    if given.strip() == "*" or tag.strip('"') in {opaque for _, opaque in _TAG.findall(given)}:
        # RFC 9110, 15.4.5: how long it may be kept is said again.
        kept = {name: value for name, value in answer.headers.items() if name == "Cache-Control"}
        return Answer("", HTTPStatus.NOT_MODIFIED, {**kept, "ETag": tag})
    return Answer(text, answer.status, {**answer.headers, "ETag": tag})


def _wanted(call: Call) -> set[str] | None:
    """The states that If-Match names, of which weak ones never match; None when any will do."""
    given = call.request.headers.get("if-match")
    if given is None or given.strip() == "*":
        return None
    return {_state(opaque) for weak, opaque in _TAG.findall(given) if not weak}


def _state(opaque: str) -> str:
    return opaque.partition(".")[0]


def _hash(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()[:16]).decode().rstrip("=")
