"""Requests that no client means: whatever comes in, what goes out is an answer and never a fault of ours."""

from typing import Any

import pytest

from tests.chalicelib.client import BASE, Client, answered, payload_2
from tests.chalicelib.test_conventions import is_problem


def ask(client: Client, method: str, path: str, query: str = "", **event: Any) -> Any:
    """The answer to a path and a query that are sent as they are."""
    made = payload_2(method, path)
    return answered(client.app, {**made, "rawQueryString": query, "headers": client.headers, **event})


@pytest.mark.parametrize(
    "path",
    [
        *(
            "%00",
            "%ff",
            "%ED%A0%80",
            "%",
            "%2",
            "..",
            "../../etc/passwd",
            "%2e%2e/%2e%2e",
            "a%2Fb",
            "\\",
            "\x00",
            "\x7f",
        ),
        *(
            "actions%00",
            "actions/%00",
            "actions/1%0d%0aX:1",
            "actions/１",
            "actions/1;a=b",
            "a" * 9000,
            "a/" * 2000,
            "{}",
        ),
        "actions/{action_id}",
    ],
)
def test_a_path_of_junk_is_404(alice: Client, path: str) -> None:
    assert is_problem(ask(alice, "GET", f"{BASE}/{path}"), 404)


def test_slashes_at_the_ends_of_a_path_say_nothing(alice: Client) -> None:
    assert ask(alice, "GET", f"{BASE}/actions/").status == 200
    assert ask(alice, "GET", f"//{BASE}/actions//").status == 200
    assert is_problem(ask(alice, "GET", f"{BASE}//actions"), 404)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        *(
            (f"limit={wrong}", "limit")
            for wrong in ("", "0", "-1", "1.5", "1e400", "NaN", "true", "9" * 5000, "%00", "%ff")
        ),
        *((f"schedule_id={wrong}", "schedule_id") for wrong in ("", "0", "x", str(2**63), "9" * 5000, "%00", "[1]")),
        *((f"cursor={wrong}", "cursor") for wrong in ("x", "%00", "%ff", "....", "%C3%A4", "A" * 501, "A" * 32)),
        *((f"sort={wrong}", "sort") for wrong in ("", "id", "%00", "[]")),
        *(
            (f"from={wrong}", "from")
            for wrong in ("", "now", "%00", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00%2B23")
        ),
        *((f"status={wrong}", "status") for wrong in ("", "gone", "%00", "1")),
    ],
)
def test_a_query_of_junk_is_422_and_says_where(alice: Client, query: str, field: str) -> None:
    answer = ask(alice, "GET", f"{BASE}/triggers", query)
    assert is_problem(answer, 422), answer.text
    assert set(answer.fields) == {field}


@pytest.mark.parametrize("text", ["%00", "a%00b", "%ED%A0%80", "%ff"])
def test_a_search_for_what_no_text_has_is_refused_or_finds_nothing(alice: Client, text: str) -> None:
    answer = ask(alice, "GET", f"{BASE}/schedules", f"q={text}")
    assert answer.status == 422 or answer.json["schedules"] == []


@pytest.mark.parametrize("query", ["&&&", "=", "%", "limit=1&limit=2", "unknown=%ff", "a" * 9000, ";", "limit[]=1"])
def test_what_a_query_says_to_nobody_is_ignored(alice: Client, query: str) -> None:
    assert ask(alice, "GET", f"{BASE}/actions", query).status == 200


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "CONNECT", "PROPFIND", "X" * 500, "get post", ""])
def test_a_method_that_a_path_does_not_have_is_405_with_those_it_has(alice: Client, method: str) -> None:
    answer = ask(alice, method, f"{BASE}/actions")
    assert is_problem(answer, 405)
    assert answer.headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer \x00", "Bearer " + "a" * 9000, "Basic YTpi", "Bearer a.b.c", "Bearer ä"]
)
def test_credentials_of_junk_are_401(nobody: Client, value: str) -> None:
    assert is_problem(ask(nobody, "GET", f"{BASE}/actions", headers={"authorization": value}), 401)


@pytest.mark.parametrize("value", ["", "\x00", "*, *", '"', '"a', "W/", "ä" * 9000, ", ,"])
def test_preconditions_of_junk_match_nothing(alice: Client, value: str) -> None:
    action = alice.post("actions", {"name": "a"}).json["action"]
    path = f"{BASE}/actions/{action['id']}"
    assert ask(alice, "GET", path, headers={**alice.headers, "if-none-match": value}).status == 200
    assert is_problem(ask(alice, "DELETE", path, headers={**alice.headers, "if-match": value}), 412)


@pytest.mark.parametrize("event", [{"body": "***", "isBase64Encoded": True}, {"rawQueryString": 5}, {"headers": ["a"]}])
def test_an_event_that_is_no_request_is_400(alice: Client, event: dict[str, Any]) -> None:
    assert is_problem(ask(alice, "POST", f"{BASE}/actions", **event), 400)
