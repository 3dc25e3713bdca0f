"""The echo target of the demo."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local.echo import Echo


@pytest.fixture
def echo(tmp_path: Path) -> Iterator[Echo]:
    echo = Echo(tmp_path / "port")
    yield echo
    echo.close()


def ask(url: str, body: bytes | None = None, **headers: str) -> Any:
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10) as answer:
        return json.load(answer)


def test_it_answers_with_what_it_was_asked(echo: Echo) -> None:
    answer = ask(f"{echo.url}/a/b?greeting=hello", b'{"n": 1}', **{"Idempotency-Key": "k", "Cookie": "secret"})
    assert answer["method"] == "POST"
    assert answer["path"] == "/a/b"
    assert answer["query"] == {"greeting": "hello"}
    assert answer["body"] == {"n": 1}
    assert answer["headers"]["idempotency-key"] == "k"
    assert "cookie" not in answer["headers"]


def test_text_stays_text_and_nothing_is_null(echo: Echo) -> None:
    assert ask(f"{echo.url}/", b"hello {")["body"] == "hello {"
    assert ask(f"{echo.url}/")["body"] is None


def test_its_port_stays_the_same(tmp_path: Path) -> None:
    first = Echo(tmp_path / "port")
    first.close()
    second = Echo(tmp_path / "port")
    second.close()
    assert first.url == second.url
