"""What holds for every route: how bodies are read, how errors are told, what is never said."""

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from chalicelib.application import build
from shared import VERSION
from shared.create import create, take_over
from shared.plan import plan
from shared.services import Services
from shared.settings import BadSettings
from shared.store import services as own_rows
from shared.store.engine import connect
from tests.chalicelib.client import Client
from tests.fakes import SetClock
from tests.world import new_logger_schedule, set_trigger, the_triggers

PROBLEM = {"type", "title", "status", "detail", "message", "errors", "trace_id"}


def is_problem(answer: Any, status: int) -> bool:
    """Whether the answer is a whole problem of this status."""
    body = answer.json
    same = body["status"] == answer.status == status and body["detail"] == body["message"]
    return same and set(body) == PROBLEM and answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("body", ["{", "nonsense", '{"a": NaN}', '{"a": -Infinity}', b"\xff\xfe", "1" * 5000])
def test_a_body_that_is_no_json_is_400(alice: Client, body: str | bytes) -> None:
    answer = alice.post("actions", body)
    assert is_problem(answer, 400), answer.text


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("[]", "body"),
        ('"text"', "body"),
        ("null", "body"),
        ('{"name": "a\\u0000b"}', "name"),
        ('{"input": {"x": [0, {"y": "\\ud83d"}]}}', "input.x[1].y"),
        ('{"a\\u0000": 1}', "body"),
        ('{"input": {"n": 1e999}}', "input.n"),
        ('{"input": ' + "[" * 40 + "]" * 40 + "}", "input" + "[0]" * 31),
    ],
)
def test_json_that_cannot_be_kept_is_422_and_says_where(alice: Client, body: str, field: str) -> None:
    answer = alice.post("schedules", body)
    assert is_problem(answer, 422), answer.text
    assert set(answer.fields) == {field}


def test_nesting_beyond_all_reason_is_refused_like_any_other(alice: Client) -> None:
    depth = 100_000
    assert is_problem(alice.post("actions", '{"a":' * depth + "1" + "}" * depth), 413)
    assert is_problem(alice.post("actions", "[" * depth + "]" * depth), 400)


def test_a_body_over_256_kb_is_413_whatever_it_says(alice: Client) -> None:
    just_enough = json.dumps({"name": "n", "ignored": ""})
    padded = just_enough.replace('""', '"' + "x" * (256 * 1024 - len(just_enough)) + '"')
    assert alice.post("actions", padded).status == 201
    assert is_problem(alice.post("actions", padded + " "), 413)
    assert is_problem(alice.post("actions", ("ä" * 200_000).encode()), 413)


def test_bodies_are_read_whatever_their_label(alice: Client) -> None:
    for label in ("application/x-www-form-urlencoded", "text/plain", "application/json; charset=utf-8"):
        client = Client(alice.app, {**alice.headers, "content-type": label})
        assert client.post("actions", {"name": label}).status == 201
        assert client.post("actions", b'{"name": "in base64"}').status == 201


def test_text_comes_back_as_it_was_sent(alice: Client) -> None:
    name = "Grüße \U0001f980 \\u0000 '; DROP TABLE users; -- {{ x }}"
    assert alice.post("actions", {"name": name}).json["action"]["name"] == name


def test_an_unknown_route_is_404_and_another_method_405_with_what_is_allowed(alice: Client) -> None:
    assert is_problem(alice.get("nothing/here"), 404)
    assert is_problem(alice.get("//nothing"), 404)
    answer = alice.send("PATCH", "auth/login", {})
    assert is_problem(answer, 405)
    assert answer.headers["allow"] == "POST"
    assert alice.send("OPTIONS", "schedules").headers["allow"] == "GET, HEAD, POST"


def test_answers_are_nobodys_to_keep_or_to_guess_at(alice: Client) -> None:
    for answer in (alice.get("actions"), alice.get("actions/1")):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_database_that_is_away_is_503_with_a_time_to_come_back(alice: Client, services: Services) -> None:
    away = connect(replace(services.settings, db_port=1))
    client = Client(build(lambda: replace(services, database=away)), alice.headers)
    answer = client.get("schedules")
    assert is_problem(answer, 503)
    assert int(answer.headers["retry-after"]) > 0
    ready = client.get("/health/ready")
    assert (ready.status, ready.json["database"]) == (503, "away")
    assert client.get("/health").status == 200
    away.close()


def test_what_nobody_expected_is_500_and_tells_nothing_of_the_inside(
    alice: Client, services: Services, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE actions RENAME TO elsewhere"))
    with caplog.at_level(logging.ERROR, "cronny.api"):
        logging.getLogger("cronny").propagate = True
        answer = alice.post("actions", {"name": "a canary"})
    assert is_problem(answer, 500)
    assert not any(word in answer.text.lower() for word in ("actions", "select", "pg8000", "sqlalchemy", "traceback"))
    assert "pg8000" in caplog.text
    assert "a canary" not in caplog.text
    assert services.settings.jwt_secret not in caplog.text


def test_settings_that_are_wrong_are_500_without_their_names(nobody: Client) -> None:
    def provide() -> Services:
        raise BadSettings(["DB_HOST is missing"])

    client = Client(build(provide))
    answer = client.post("auth/login", {"username": "a", "password": "b"})
    assert is_problem(answer, 500)
    assert "DB_HOST" not in answer.text
    assert client.get("/health").status == 200


def test_health_needs_nothing_and_the_welcome_page_is_a_page(nobody: Client) -> None:
    assert nobody.get("/health").json["status"] == "ok"
    page = nobody.get("//")
    assert page.status == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "<title>Cronny</title>" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("ages", "status"),
    [
        ({}, 503),
        ({"creator": 30}, 200),
        ({"creator": 120}, 503),
        ({"creator": 5, "executor": 4000, "cleaner": 30}, 200),
        ({"executor": 1, "cleaner": 1}, 503),
    ],
)
def test_ready_means_that_the_creator_beats(
    nobody: Client, engine: Engine, ages: Mapping[str, int], status: int
) -> None:
    beat = text(
        "INSERT INTO heartbeats (service, instance, version, beat_at)"
        " VALUES (:service, :instance, '1', now() - :age * interval '1 second')"
    )
    with engine.begin() as connection:
        for service, age in ages.items():
            connection.execute(beat, {"service": service, "instance": "a", "age": age})
            connection.execute(beat, {"service": service, "instance": "b", "age": age + 1000})
    answer = nobody.get("/health/ready")
    assert answer.status == status
    told = answer.json["heartbeat_age_seconds"]
    assert {name: round(age, -1) for name, age in told.items() if age is not None} == {
        name: round(age, -1) for name, age in ages.items()
    }
    assert set(told) == {"creator", "executor", "cleaner"}
    assert answer.json["instances"] == {name: int(ages.get(name, 99) <= 90) for name in told}
    assert (answer.json["problems"] != []) == (status == 503)
    assert answer.json["version"] == VERSION


def test_creators_that_do_not_keep_up_are_unready(nobody: Client, services: Services, clock: SetClock) -> None:
    take_over(services, clock.now())
    create(services, clock.now(), epoch=1)
    schedule = new_logger_schedule(services)
    plan(services, clock.now())
    trigger = the_triggers(services, schedule)[0]
    set_trigger(services, trigger.id, next_attempt_at=clock.now() - timedelta(seconds=60))
    assert (nobody.get("/health/ready").status, nobody.get("/health/ready").json["creator_lag_seconds"]) == (200, 60.0)
    set_trigger(services, trigger.id, next_attempt_at=clock.now() - timedelta(seconds=61))
    answer = nobody.get("/health/ready")
    assert (answer.status, answer.json["status"]) == (503, "unavailable")
    assert answer.json["problems"] == ["The oldest due trigger has waited for 61 s: the creators do not keep up."]


def test_a_silent_cleaner_is_told_but_everything_fires(nobody: Client, services: Services, clock: SetClock) -> None:
    with services.database.begin() as connection:
        own_rows.beat(connection, "cleaner", "a", VERSION, clock.now())
    clock.forward(601)
    take_over(services, clock.now())
    create(services, clock.now(), epoch=1)
    answer = nobody.get("/health/ready")
    assert (answer.status, answer.json["status"]) == (200, "ok")
    (problem,) = answer.json["problems"]
    assert problem.startswith("No cleaner was heard of for 601 s")


def test_signs_of_life_are_told_in_real_seconds_in_virtual_time_too(
    nobody: Client, services: Services, clock: SetClock
) -> None:
    take_over(services, clock.now())
    create(services, clock.now(), epoch=1)
    clock.speed = 600.0
    clock.forward(600 * 30)
    answer = nobody.get("/health/ready")
    assert (answer.status, answer.json["heartbeat_age_seconds"]["creator"]) == (200, 30.0)


@pytest.mark.parametrize(
    "body",
    [
        '{"name": "' + "x" * (256 * 1024) + '"}',
        ("x" * (256 * 1024 + 1)).encode(),
        b"x" * (1024 * 1024),
        "é" * (128 * 1024 + 1),
    ],
)
def test_a_body_that_is_too_large_is_413_before_anything_is_made_of_it(nobody: Client, body: str | bytes) -> None:
    """In whatever way it is packed, for whatever path: nobody has looked who asks."""
    answer = nobody.post("actions", body)
    assert is_problem(answer, 413)
    assert answer.json["detail"] == "The body is larger than 256 KB."
    assert is_problem(nobody.send("GET", "/health", body), 413)


def test_the_largest_body_is_read(alice: Client) -> None:
    body = '{"name": "fits", "padding": "' + "x" * (256 * 1024 - 31) + '"}'
    assert len(body) == 256 * 1024
    assert alice.post("actions", body).status == 201
    assert alice.post("actions", body.encode()).status == 201


def test_very_many_faults_are_a_short_answer(alice: Client) -> None:
    name, item = "n" * 900, "\\u0000"
    body = '{"input": ' + f'{{"{name}":' * 20 + "[" + ",".join([f'"{item}"'] * 20_000) + "]" + "}" * 20 + "}"
    answer = alice.post("schedules", body)
    assert is_problem(answer, 422)
    assert len(answer.json["errors"]) == 100
    assert len(answer.text) < 100_000
    assert all(len(fault["field"]) <= 200 for fault in answer.json["errors"])
    unknown = {f"filter {number}": 1 for number in range(150)}
    answer = alice.post("schedules/bulk", {"action": "pause", "filter": unknown})
    assert (len(answer.json["errors"]), answer.json["errors"][-1]["message"]) == (101, "are 50 more than these")


def test_names_within_json_are_bounded(alice: Client) -> None:
    answer = alice.post("schedules", {"input": {"x" * 1001: 1}})
    assert answer.fields == {"input": "has a name of more than 1,000 characters"}


@pytest.mark.parametrize(
    ("path", "body", "field", "limit"),
    [
        ("auth/login", {"username": "x" * 255, "password": "y"}, "username", "254 characters"),
        ("auth/login", {"username": "x", "password": "y" * 1001}, "password", "1000 characters"),
        ("auth/refresh", {"refresh_token": "x" * 201}, "refresh_token", "200 characters"),
        ("auth/google", {"id_token": "x" * 8193}, "id_token", "8192 characters"),
        ("user/keys", {"name": "x", "scopes": ["read"] * 21}, "scopes", "20 items"),
        ("actions", {"name": "x" * 201}, "name", "200 characters"),
        ("actions", {"name": "x", "description": "x" * 4001}, "description", "4000 characters"),
    ],
)
def test_every_field_has_its_bound_and_says_so(
    alice: Client, path: str, body: dict[str, Any], field: str, limit: str
) -> None:
    assert alice.post(path, body).fields[field] == f"may have {limit} at most"
