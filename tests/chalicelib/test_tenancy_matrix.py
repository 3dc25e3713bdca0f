"""Each operation of the document, with each kind of another user's id, by each kind of credentials: nothing leaks.

Whatever Alice has is named after a canary. Bob's answers never say it, and afterwards every row of hers is as before.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import jwt
import pytest
from sqlalchemy import Engine

from shared.services import Services
from shared.user import UserId
from tests.chalicelib.agreement import document
from tests.chalicelib.client import BASE, Client
from tests.chalicelib.conftest import PASSWORD, sign_up
from tests.chalicelib.test_fence import fenced
from tests.chalicelib.test_history import World
from tests.fakes import SetClock
from tests.world import new_breaker

CANARY = "cnry-of-alice"
Operation = tuple[str, str, Any]

OPERATIONS: list[Operation] = [
    (method.upper(), path.removeprefix(f"{BASE}/"), said)
    for path, methods in document()["paths"].items()
    if path.startswith(BASE)
    for method, said in methods.items()
]
WITH_A_USER = [each for each in OPERATIONS if each[2]["security"]]
# What a name of a path, a filter or a field means, where it is not said by itself.
MEANS = {
    "job_template_id": "template_id",
    "calendar_ids": "calendar_id",
    "on_failure_job_id": "job_id",
}
# Ids that are nobody's own.
PUBLIC = {"plan_id"}
# These end what the others need.
ENDING = {"auth/logout", "auth/password"}


@pytest.fixture
def things(services: Services, engine: Engine, nobody: Client) -> Callable[[str, str], tuple[Client, dict[str, Any]]]:
    """Makes a user who has one of each, and answers their ids by the name that paths give them."""

    def make(name: str, called: str) -> tuple[Client, dict[str, Any]]:
        client = sign_up(nobody, name)
        world = World(client, engine, services.clock.now())
        trigger = world.trigger("failed", 60)
        new_breaker(services, UserId(client.get("auth/me").json["user"]["id"]), f"{called}.example:443")
        client.put(f"schedules/{world.schedule_id}", {"name": called, "description": called, "input": {"a": called}})
        client.put(f"actions/{world.action_id}", {"name": called})
        client.put(f"jobs/{world.job_id}", {"name": called})
        template = client.post("job_templates", {"name": called, "job_type": "http"}).json["job_template"]
        secret = client.post("secrets", {"name": called.replace("-", "_"), "value": called}).json["secret"]
        key = client.post("user/keys", {"name": called, "scopes": ["read"]}).json["key"]
        return client, {
            "schedule_id": world.schedule_id,
            "action_id": world.action_id,
            "job_id": world.job_id,
            "trigger_id": trigger,
            "execution_id": world.execution(trigger, called),
            "template_id": template["id"],
            "calendar_id": client.post("calendars", {"name": called}).json["calendar"]["id"],
            "secret_id": secret["id"],
            "host": f"{called}.example%3A443",
            "key_id": key["id"],
        }

    return make


@pytest.fixture
def alices(things: Any) -> dict[str, Any]:
    return things("alice", CANARY)[1]  # type: ignore[no-any-return]


@pytest.fixture
def rows(services: Services, alices: dict[str, Any]) -> Callable[[], dict[str, list[str]]]:
    """Everything that is Alice's, as text."""
    tables = fenced(services)
    with services.database.begin() as connection:
        alice = connection.exec_driver_sql("SELECT id FROM users WHERE username = 'alice'").scalar_one()

    def read() -> dict[str, list[str]]:
        with services.database.of(UserId(alice)).begin() as connection:
            return {
                name: sorted(connection.exec_driver_sql(f"SELECT t::text FROM {name} t").scalars()) for name in tables
            }

    return read


# Every kind of credentials that Bob may have: a session, or an API key with scopes.
VALID = ("session", "read write run", "read", "write", "run")


def signed_in(bob: Client, kind: str) -> Client:
    """Bob by one of them."""
    if kind == "session":
        return bob
    return bob.bearing(bob.post("user/keys", {"name": kind, "scopes": kind.split()}).json["secret"])


def invalid(bob: Client, clock: SetClock) -> dict[str, Client]:
    """Every kind that is over, forged, or something else."""
    over = {"name": "soon over", "scopes": ["read", "write", "run"]}
    soon = (clock.now() + timedelta(seconds=1)).isoformat()
    expired = bob.post("user/keys", {**over, "expires_at": soon}).json["secret"]
    deleted = bob.post("user/keys", {**over, "name": "deleted"}).json
    bob.delete(f"user/keys/{deleted['key']['id']}")
    again = bob.post("auth/login", {"username": "bob", "password": PASSWORD}).json
    bob.bearing(again["token"]).post("auth/logout")
    clock.forward(1)
    good = bob.headers["authorization"].removeprefix("Bearer ")
    head, body, _ = good.split(".")
    claims = jwt.decode(good, options={"verify_signature": False})
    kid = jwt.get_unverified_header(good)
    unsigned = urlsafe_b64encode(json.dumps({**kid, "alg": "none"}).encode()).decode().rstrip("=")
    tokens = {
        "expired key": expired,
        "deleted key": deleted["secret"],
        "session that ended": again["token"],
        "refresh token": again["refresh_token"],
        "other signature": jwt.encode(claims, "another secret, as long as they are", "HS256", {"kid": kid["kid"]}),
        "no signature": f"{unsigned}.{body}.",
        "cut signature": f"{head}.{body}.",
        "nonsense": "nonsense",
    }
    return {name: bob.bearing(token) for name, token in tokens.items()} | {"nothing": Client(bob.app)}


def properties(schema: Any) -> dict[str, Any]:
    """The fields of an object, wherever its schema has them."""
    if "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    found = dict(schema.get("properties", {}))
    for part in (part for word in ("allOf", "anyOf", "oneOf") for part in schema.get(word, [])):
        found |= properties(part)
    return found


def is_id(name: str) -> bool:
    return name.endswith(("_id", "_ids")) or name == "ids"


def filled(path: str, ids: dict[str, Any]) -> str:
    for name, value in ids.items():
        path = path.replace(f"{{{name}}}", str(value))
    assert "{" not in path, f"test_tenancy_matrix does not know an id for {path}"
    return path


def foreign(name: str, path: str, alices: dict[str, Any]) -> Any:
    """Alice's id for a field of this name."""
    kind = MEANS.get(name, name)
    if name == "ids":
        kind = "trigger_id" if "dead_letters" in path else "schedule_id"
    value = alices[kind]
    return [value] if name.endswith("ids") else value


Case = tuple[str, str, Any, Any, bool]


def calls(mine: dict[str, Any], alices: dict[str, Any]) -> Iterator[Case]:
    """(method, path, body, query, whether the path is Alice's) for each place where an id may stand."""
    for operation in WITH_A_USER:
        if operation[1] not in ENDING:
            yield from calls_of(operation, mine, alices)
    rule = {"version": 1, "condition_rules": [{"job_id": alices["job_id"]}]}
    output = {"job_input_type": "job_output_as_input", "job_input_value": alices["job_id"]}
    for fields in ({"condition": rule}, output):
        yield "PUT", f"jobs/{mine['job_id']}", fields, None, False
    for action in ("pause", "resume", "delete"):
        for name in ("action_id", "schedule_id"):
            yield "POST", "schedules/bulk", {"action": action, "filter": {name: alices[name]}}, None, False
    yield "POST", "dead_letters/redrive", {"filter": {"schedule_id": alices["schedule_id"]}}, None, False


def calls_of(operation: Operation, mine: dict[str, Any], alices: dict[str, Any]) -> Iterator[Case]:
    """Those of one operation: in its path, its query and its body."""
    method, path, said = operation
    media = said.get("requestBody", {}).get("content", {}).get("application/json", {})
    body: Any = media.get("example") or ({} if media else None)
    if "{" in path:
        yield method, filled(path, alices), body, None, True
    queries = [each["name"] for each in said["parameters"] if each.get("in") == "query" and is_id(each["name"])]
    for name in queries:
        yield method, filled(path, mine), body, {name: alices[name]}, False
    for name in properties(media.get("schema", {})):
        if is_id(name) and name not in PUBLIC:
            yield method, filled(path, mine), {**(body or {}), name: foreign(name, path, alices)}, None, False


@pytest.mark.parametrize("kind", VALID)
def test_nothing_of_anothers_is_seen_pointed_at_or_changed(
    things: Any, alices: dict[str, Any], rows: Any, kind: str
) -> None:
    bob, mine = things("bob", "of-bob")
    client, before, asked = signed_in(bob, kind), rows(), 0
    assert all(CANARY in str(before[name]) for name in ("schedules", "actions", "jobs", "calendars", "job_executions"))
    for method, path, body, query, alices_path in calls(mine, alices):
        answer = client.send(method, path, body, query)
        where = (method, path, body, query, answer.status, answer.text)
        assert CANARY not in answer.text, where
        assert answer.status < 500, where
        if alices_path:
            assert answer.status in ((404,) if kind == "session" else (404, 403)), where
        asked += 1
    assert asked >= 75
    assert rows() == before


def test_whoever_is_not_bob_any_more_is_nobody(things: Any, alices: dict[str, Any], rows: Any, clock: SetClock) -> None:
    bob, mine = things("bob", "of-bob")
    before, asked = rows(), 0
    for kind, client in invalid(bob, clock).items():
        for method, path, said in WITH_A_USER:
            for ids in (mine, alices) if "{" in path else (mine,):
                answer = client.send(method, filled(path, ids), {} if "requestBody" in said else None)
                assert (answer.status, answer.headers["www-authenticate"] != "") == (401, True), (kind, method, path)
                asked += 1
    assert asked > 900
    assert rows() == before
