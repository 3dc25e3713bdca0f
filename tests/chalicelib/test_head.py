"""HEAD is GET without the body (RFC 9110, 9.3.2): for every route, for everybody, and for what is refused."""

from chalicelib.application import RESOURCES
from tests.chalicelib.client import Answered, Client
from tests.chalicelib.conftest import make_action, make_schedule

# What may differ between any two answers: where one stands with the limits, and what time it is.
MOVING = {"content-length", "ratelimit", "etag"}
READS = [
    route.resource.prefix + route.path for resource in RESOURCES for route in resource.routes if "GET" in route.methods
]


def test_whatever_can_be_read_answers_head_with_the_same_headers(alice: Client) -> None:
    action_id = make_action(alice)
    known = {"{action_id}": str(action_id), "{schedule_id}": str(make_schedule(alice, action_id)["id"])}
    for path in READS:
        for name, value in known.items():
            path = path.replace(name, value)
        asked = {"action_id": action_id} if path.endswith("/jobs") else {}
        got, headed = (alice.send(method, path, query=asked) for method in ("GET", "HEAD"))
        assert (headed.status, headed.text) == (got.status, ""), path
        assert steady(headed) == steady(got), path
        assert int(headed.headers["content-length"]) > 0, path


def steady(answer: Answered) -> dict[str, str]:
    headers = {name: value for name, value in answer.headers.items() if name not in MOVING}
    return headers | {"etag": "there"} if "etag" in answer.headers else headers


def test_the_length_is_that_of_the_body_in_bytes_and_the_tag_the_same(alice: Client) -> None:
    path = f"actions/{make_action(alice, 'Grüße')}"
    got, headed = alice.get(path), alice.send("HEAD", path)
    assert headed.headers["content-length"] == str(len(got.text.encode()))
    assert headed.headers["etag"] == got.headers["etag"]
    unchanged = alice.sending(if_none_match=got.headers["etag"]).send("HEAD", path)
    assert (unchanged.status, unchanged.text) == (304, "")
    assert "content-length" not in unchanged.headers


def test_what_is_refused_is_refused_without_a_body(alice: Client, nobody: Client) -> None:
    for client, path, status in (
        (nobody, "actions", 401),
        (alice, "actions/999", 404),
        (alice, "nothing/here", 404),
        (alice, "auth/login", 405),
        (alice, "schedules/1/pause", 405),
    ):
        answer = client.send("HEAD", path)
        assert (answer.status, answer.text) == (status, "")
        assert answer.headers["content-type"] == "application/problem+json"
    assert "HEAD" not in alice.send("HEAD", "auth/login").headers["allow"]


def test_a_key_that_may_read_may_ask_for_headers_and_one_that_may_not_may_not(alice: Client) -> None:
    for scope, status in (("read", 200), ("write", 403)):
        secret = alice.post("user/keys", {"name": scope, "scopes": [scope]}).json["secret"]
        assert alice.bearing(secret).send("HEAD", "schedules").status == status
