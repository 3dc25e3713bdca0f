"""Secrets over HTTP: written, named by jobs, and never answered."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, select, text

from chalicelib.application import build
from shared.secret import Sealed
from shared.services import Services
from shared.store.engine import Database
from shared.store.secrets import hold
from shared.store.tables import kept_answers, secrets
from shared.user import UserId
from shared.vault import Vault
from tests.chalicelib.client import Client
from tests.chalicelib.conftest import make_action, make_job
from tests.chalicelib.test_tags import somebody_waits, until
from tests.fakes import SetClock

VALUE = "canary-opensesame"
SAVE = text(
    "INSERT INTO jobs (user_id, action_id, name, job_type, job_template_id, job_template_owner_id, job_input_type,"
    " job_input_value, is_root_job, job_timeout_in_secs) SELECT :user, a.id, 'j', 'http', t.id, 0, 'static_input',"
    " CAST(:value AS jsonb), true, 5 FROM actions a, job_templates t WHERE t.name = 'http'"
)
NAMED = {"url": "https://example.org/x", "headers": {"X-Token": "Bearer {{ secrets.TOKEN }}"}}


def make_secret(client: Client, name: str = "TOKEN", value: str = VALUE, **fields: Any) -> int:
    answer = client.post("secrets", {"name": name, "value": value, **fields})
    assert answer.status == 201, answer.text
    return int(answer.json["secret"]["id"])


def opened(services: Services, engine: Engine, secret_id: int) -> str:
    """What the vault makes of a row."""
    with engine.begin() as connection:
        row = connection.execute(select(secrets).where(secrets.c.id == secret_id)).one()
    return services.vault.open(row.user_id, row.name, Sealed(row.key_id, row.wrapped_key, row.box))


def test_a_secret_is_kept_and_never_answered(alice: Client, services: Services, engine: Engine) -> None:
    made = alice.post("secrets", {"name": "TOKEN", "description": "of the shop", "value": VALUE, "user_id": 99})
    assert made.status == 201
    assert "{{ secrets.TOKEN }}" in made.json["message"]
    secret = made.json["secret"]
    assert set(secret) == {"id", "name", "description", "created_at", "updated_at", "last_used_at"}
    assert (secret["name"], secret["description"], secret["last_used_at"]) == ("TOKEN", "of the shop", None)
    read, listed = alice.get(f"secrets/{secret['id']}"), alice.get("secrets")
    assert read.json["secret"] == secret
    assert listed.json == {"secrets": [secret], "next_cursor": None}
    assert VALUE not in made.text + read.text + listed.text
    assert opened(services, engine, secret["id"]) == VALUE


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"name", "value"}),
        ({"name": "1TOKEN", "value": "abc"}, {"name", "value"}),
        ({"name": "a-b", "value": VALUE}, {"name"}),
        ({"name": "ünïcode", "value": VALUE}, {"name"}),
        ({"name": "x" * 101, "value": VALUE}, {"name"}),
        ({"name": "TOKEN\n.", "value": VALUE}, {"name"}),
        ({"name": "TOKEN", "value": None}, {"value"}),
        ({"name": "TOKEN", "value": 12345678}, {"value"}),
        ({"name": "TOKEN", "value": "ü" * 4097}, {"value"}),
        ({"name": "TOKEN", "value": VALUE + "\0"}, {"value"}),
    ],
)
def test_what_is_wrong_is_told_without_the_value(alice: Client, body: dict[str, Any], fields: set[str]) -> None:
    answer = alice.post("secrets", body)
    assert answer.status == 422
    assert set(answer.fields) == fields
    assert VALUE not in answer.text
    assert "12345678" not in answer.text


def test_a_value_may_be_as_large_as_a_key_with_its_chain(alice: Client, services: Services, engine: Engine) -> None:
    value = "ü\n" * 2730
    assert opened(services, engine, make_secret(alice, value=value)) == value


def test_names_are_unique_for_each_user(alice: Client, bob: Client) -> None:
    make_secret(alice)
    make_secret(alice, "token")
    make_secret(bob)
    answer = alice.post("secrets", {"name": "TOKEN", "value": VALUE})
    assert (answer.status, answer.json["detail"]) == (409, "You have a secret of that name already.")


def test_the_list_is_searched_turned_round_and_paged(alice: Client) -> None:
    for name in ("SHOP_A", "BANK", "shop_b"):
        make_secret(alice, name)

    def names(**query: Any) -> list[str]:
        return [secret["name"] for secret in alice.get("secrets", **query).json["secrets"]]

    assert names() == ["SHOP_A", "BANK", "shop_b"]
    assert names(q="Shop") == ["SHOP_A", "shop_b"]
    assert names(sort="-created_at", q="shop") == ["shop_b", "SHOP_A"]
    first = alice.get("secrets", limit=2).json
    assert [each["name"] for each in first["secrets"]] == ["SHOP_A", "BANK"]
    assert names(limit=2, cursor=first["next_cursor"]) == ["shop_b"]


def test_sent_fields_are_written_and_the_others_stay(alice: Client, services: Services, engine: Engine) -> None:
    secret_id = make_secret(alice, description="old")
    path = f"secrets/{secret_id}"
    assert alice.patch(path, {"description": None}).json["secret"]["description"] is None
    assert opened(services, engine, secret_id) == VALUE
    answer = alice.put(path, {"value": "another value"})
    assert "another value" not in answer.text
    assert opened(services, engine, secret_id) == "another value"
    assert alice.patch(path, {"name": "RENAMED"}).json["secret"]["name"] == "RENAMED"
    assert opened(services, engine, secret_id) == "another value"
    assert alice.patch(path, {"name": "AGAIN", "value": "a third one"}).status == 200
    assert opened(services, engine, secret_id) == "a third one"
    assert alice.patch(path, {}).json["secret"]["name"] == "AGAIN"
    make_secret(alice)
    assert alice.patch(path, {"name": "TOKEN"}).status == 409
    assert set(alice.patch(path, {"name": None, "value": ""}).fields) == {"name", "value"}


def test_a_secret_that_jobs_use_is_neither_deleted_nor_renamed(alice: Client) -> None:
    secret_id = make_secret(alice)
    action = make_action(alice, "buy")
    job = make_job(alice, action, "order", job_input_value=NAMED)
    template = {"job_input_type": "job_input_as_template", "job_input_value": {"message": "{{secrets.TOKEN}}"}}
    other = make_job(alice, action, "tell", job_type="logger", **template)
    # These only have its name in them.
    make_job(alice, action, "innocent", job_input_value={"url": "https://example.org/secrets.TOKEN"})
    make_secret(alice, "TOKEN2")
    make_job(alice, action, "longer", job_input_value={**NAMED, "headers": {"X": "{{ secrets.TOKEN2 }}"}})
    for answer in (alice.delete(f"secrets/{secret_id}"), alice.patch(f"secrets/{secret_id}", {"name": "NEW"})):
        assert answer.status == 409
        assert "order (action buy), tell (action buy)." in answer.json["detail"]
    assert alice.put(f"secrets/{secret_id}", {"value": "another value"}).status == 200
    assert alice.put(f"jobs/{job['id']}", {"job_input_value": {"url": "https://example.org"}}).status == 200
    assert alice.delete(f"jobs/{other['id']}").status == 200
    assert alice.delete(f"secrets/{secret_id}").status == 200
    assert alice.get(f"secrets/{secret_id}").status == 404


@pytest.mark.parametrize("kind", ["static_input", "job_input_as_template"])
def test_a_job_cannot_name_a_secret_that_its_owner_does_not_have(alice: Client, bob: Client, kind: str) -> None:
    make_secret(bob)
    body = {"name": "j", "action_id": make_action(alice), "job_type": "http", "job_input_type": kind}
    answer = alice.post("jobs", {**body, "job_input_value": NAMED})
    assert answer.fields == {"job_input_value.headers.X-Token": "there is no secret TOKEN"}
    make_secret(alice)
    job = alice.post("jobs", {**body, "job_input_value": NAMED}).json["job"]
    wrong = {"job_input_value": {**NAMED, "auth": {"type": "bearer", "token": "{{ secrets.GONE }}"}}}
    changed = alice.put(f"jobs/{job['id']}", wrong)
    assert changed.fields == {"job_input_value.auth.token": "there is no secret GONE"}
    # Other fields of it can be changed all the same.
    assert alice.put(f"jobs/{job['id']}", {"name": "other"}).status == 200


def test_an_input_names_twenty_secrets_at_most(alice: Client) -> None:
    value = {"url": "https://example.org", "request_body": [f"{{{{ secrets.S{number} }}}}" for number in range(21)]}
    body = {"name": "j", "action_id": make_action(alice), "job_type": "http", "job_input_value": value}
    assert alice.post("jobs", body).fields == {"job_input_value": "names more than 20 secrets"}


def test_what_a_secret_will_fill_in_is_judged_when_it_does(alice: Client, engine: Engine) -> None:
    """A whole URL, or a part of one; the rest of the input is judged when it is saved."""
    make_secret(alice)
    action = make_action(alice)
    make_job(alice, action, "whole", job_input_value={"url": "{{ secrets.TOKEN }}", "method": "POST"})
    make_job(alice, action, "host", job_input_value={"url": "https://{{secrets.TOKEN}}.example.org/x"})
    make_job(alice, action, "path", job_input_value={"url": "https://example.org/{{secrets.TOKEN}}/x"})
    with engine.begin() as connection:
        hosts = {row.name: row.host for row in connection.execute(text("SELECT name, host FROM jobs"))}
    assert hosts == {"whole": None, "host": None, "path": "example.org:443"}
    body = {"name": "j", "action_id": action, "job_type": "http"}
    wrong = {"url": "{{ secrets.TOKEN }}", "method": "STEAL", "headers": {"Host": "x"}}
    assert set(alice.post("jobs", {**body, "job_input_value": wrong}).fields) == {"job_input_value.method"}
    wrong = {"url": "{{ secrets.TOKEN }}", "headers": {"Host": "x"}}
    assert set(alice.post("jobs", {**body, "job_input_value": wrong}).fields) == {"job_input_value.headers.Host"}


def test_a_preset_names_secrets_that_are_looked_for_when_a_job_is_made_of_it(alice: Client) -> None:
    preset = alice.post("job_templates", {"name": "shop", "job_type": "http", "default_input": NAMED}).json
    body = {"name": "j", "action_id": make_action(alice), "job_template_id": preset["job_template"]["id"]}
    assert alice.post("jobs", {**body, "job_input_value": {}}).status == 422
    make_secret(alice)
    assert alice.post("jobs", {**body, "job_input_value": {}}).status == 201


def test_a_request_that_is_sent_again_makes_one_secret_and_leaves_no_value_behind(
    alice: Client, engine: Engine, services: Services
) -> None:
    keyed = alice.sending(idempotency_key="k")
    body = {"name": "TOKEN", "value": VALUE}
    first, second = keyed.post("secrets", body), keyed.post("secrets", body)
    assert (first.status, second.status, second.text) == (201, 201, first.text)
    assert keyed.post("secrets", {**body, "value": "another"}).status == 422
    assert len(alice.get("secrets").json["secrets"]) == 1
    with engine.begin() as connection:
        kept = connection.execute(select(kept_answers)).one()
    assert VALUE not in str(kept)
    # The hash is keyed: who reads the database cannot try values. With the key of tomorrow it is known all the same.
    rotated = replace(services.settings, jwt_secret="tomorrow" * 4, jwt_secret_previous=services.settings.jwt_secret)
    tomorrow = Client(build(lambda: replace(services, settings=rotated)), keyed.headers)
    assert tomorrow.post("secrets", body).text == first.text
    elsewhere = replace(services.settings, jwt_secret="elsewhere" * 4)
    other = Client(build(lambda: replace(services, settings=elsewhere)), keyed.headers)
    assert other.post("secrets", body).status == 401


def test_without_a_key_the_answer_says_what_is_missing_and_everything_else_works(
    alice: Client, services: Services
) -> None:
    secret_id = make_secret(alice)
    without = Client(build(lambda: replace(services, vault=Vault())), alice.headers)
    for answer in (
        without.post("secrets", {"name": "OTHER", "value": VALUE}),
        without.sending(idempotency_key="k").post("secrets", {"name": "OTHER", "value": VALUE}),
        without.put(f"secrets/{secret_id}", {"value": "another value"}),
        without.put(f"secrets/{secret_id}", {"name": "OTHER"}),
    ):
        assert answer.status == 503
        assert "CRONNY_KMS_KEY_ID" in answer.json["detail"]
        assert "retry-after" in answer.headers
    assert without.get("secrets").json["secrets"][0]["id"] == secret_id
    assert without.patch(f"secrets/{secret_id}", {"description": "x"}).status == 200
    make_job(without, make_action(without), job_input_value=NAMED)
    assert make_secret(alice, "OTHER")


def test_a_secret_that_was_tampered_with_can_only_be_written_anew(
    alice: Client, engine: Engine, services: Services
) -> None:
    secret_id = make_secret(alice)
    with engine.begin() as connection:
        connection.execute(text("UPDATE secrets SET box = box || '\\x00'"))
    assert set(alice.put(f"secrets/{secret_id}", {"name": "OTHER"}).fields) == {"name"}
    assert alice.put(f"secrets/{secret_id}", {"name": "OTHER", "value": VALUE}).status == 200
    assert opened(services, engine, secret_id) == VALUE


def test_its_last_use_is_no_change_of_it(alice: Client, engine: Engine, clock: SetClock) -> None:
    secret_id = make_secret(alice)
    tag = alice.get(f"secrets/{secret_id}").headers["etag"]
    with engine.begin() as connection:
        connection.execute(text("UPDATE secrets SET last_used_at = now()"))
    assert alice.get(f"secrets/{secret_id}").headers["etag"] != tag
    clock.forward(1)
    assert alice.sending(if_match=tag).patch(f"secrets/{secret_id}", {"value": "another value"}).status == 200
    assert alice.sending(if_match=tag).patch(f"secrets/{secret_id}", {"value": "another value"}).status == 412


def test_a_secret_cannot_be_deleted_while_a_job_that_names_it_is_being_saved(
    alice: Client, services: Services, database: Database, engine: Engine
) -> None:
    """The save holds the secret, so the deletion waits for it, and then sees the job."""
    secret_id = make_secret(alice)
    user_id = UserId(alice.get("auth/me").json["user"]["id"])
    elsewhere = Client(build(lambda: replace(services, database=database)), alice.headers)
    with ThreadPoolExecutor() as pool:
        with database.begin() as connection:
            assert hold(connection, user_id, {"TOKEN"}) == {"TOKEN"}
            deleting = pool.submit(elsewhere.delete, f"secrets/{secret_id}")
            until(lambda: somebody_waits(engine))
            row = {"user": user_id, "value": json.dumps(NAMED)}
            connection.execute(text("INSERT INTO actions (user_id, name) VALUES (:user, 'a')"), row)
            connection.execute(SAVE, row)
        assert deleting.result().status == 409
    assert alice.get(f"secrets/{secret_id}").status == 200
