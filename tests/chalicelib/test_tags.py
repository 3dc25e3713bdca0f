"""ETags: nobody reads twice what has not changed, and nobody overwrites what they have not seen."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import Engine, text

from chalicelib.application import build
from shared.services import Services
from shared.store.engine import Database
from tests.chalicelib.client import BASE, Answered, Client
from tests.chalicelib.conftest import make_action, make_job, make_schedule
from tests.chalicelib.test_history import World
from tests.fakes import SetClock

WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


@dataclass(frozen=True)
class Case:
    """Something that can be read and changed, and how somebody else would change it."""

    path: str
    change: dict[str, Any]
    others: str
    methods: tuple[str, ...] = ("PUT", "PATCH", "DELETE")


@pytest.fixture
def cases(alice: Client, engine: Engine, services: Services) -> dict[str, Case]:
    """One of each of Alice's."""
    world = World(alice, engine, services.clock.now())
    own = alice.post("job_templates", {"name": "mine", "job_type": "http"}).json["job_template"]["id"]
    calendar = alice.post("calendars", {"name": "mine"}).json["calendar"]["id"]
    secret = alice.post("secrets", {"name": "MINE", "value": "opensesame"}).json["secret"]["id"]
    key = alice.post("user/keys", {"name": "mine", "scopes": ["read"]}).json["key"]["id"]
    lonely, dead, name = make_action(alice, "lonely"), world.trigger("failed", 60), {"name": "changed"}
    touch = "UPDATE {} SET name = 'theirs', updated_at = updated_at + interval '1 second' WHERE id = {}"
    return {
        "schedule": Case(f"schedules/{world.schedule_id}", name, touch.format("schedules", world.schedule_id)),
        "action": Case(f"actions/{lonely}", name, touch.format("actions", lonely)),
        "job": Case(
            f"jobs/{world.job_id}",
            name,
            # As everybody who changes a job does it: with its action locked.
            f"UPDATE actions SET name = name WHERE id = {world.action_id};"
            f"UPDATE jobs SET name = 'theirs' WHERE id = {world.job_id}",
        ),
        "job_template": Case(f"job_templates/{own}", name, touch.format("job_templates", own)),
        "calendar": Case(f"calendars/{calendar}", name, touch.format("calendars", calendar)),
        "key": Case(f"user/keys/{key}", name, f"UPDATE api_keys SET name = 'theirs' WHERE id = {key}"),
        "secret": Case(
            f"secrets/{secret}", {"description": "changed"}, f"UPDATE secrets SET description = 't' WHERE id = {secret}"
        ),
        "profile": Case(
            "user/profile", {"first_name": "changed"}, "UPDATE users SET first_name = 'theirs'", ("PUT", "PATCH")
        ),
        "dead_letter": Case(
            f"dead_letters/{dead}", {}, f"UPDATE triggers SET reason = 'theirs' WHERE id = {dead}", ("DELETE",)
        ),
    }


@pytest.fixture(
    params=["schedule", "action", "job", "job_template", "calendar", "secret", "key", "profile", "dead_letter"]
)
def case(request: pytest.FixtureRequest, cases: dict[str, Case]) -> Case:
    """Each of them in turn."""
    return cases[request.param]


@pytest.fixture
def elsewhere(alice: Client, services: Services, database: Database) -> Client:
    """Alice by another process, which may wait for locks."""
    return Client(build(lambda: replace(services, database=database)), alice.headers)


def tag_of(answer: Answered) -> str:
    assert answer.status == 200, answer.text
    return answer.headers["etag"]


def matching(client: Client, tag: str) -> Client:
    return client.sending(if_match=tag)


def until(holds: Callable[[], bool]) -> None:
    """Looks until it is so; ten seconds are more than anybody needs."""
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.01)


def somebody_waits(engine: Engine) -> bool:
    """Whether a statement waits for a lock; in a new transaction, because within one the answer stays the same."""
    with engine.begin() as connection:
        return int(connection.execute(WAITING).scalar_one()) == 1


def test_every_read_has_a_tag_and_is_304_for_who_has_it(alice: Client, cases: dict[str, Case]) -> None:
    lists = ("schedules", "actions", "job_templates", "calendars", "secrets", "triggers", "job_executions", "breakers")
    others = ("dead_letters", "user/plans", "auth/me", "dashboard/stats")
    for path in (*lists, *others, *(case.path for case in cases.values())):
        first = alice.get(path)
        tag = tag_of(first)
        assert tag.startswith('"'), tag
        assert tag.endswith('"'), tag
        for given in (tag, f"W/{tag}", f'"other", {tag}', "*", f' "a" ,W/{tag} , "b"'):
            same = alice.sending(if_none_match=given).get(path)
            assert (same.status, same.text, same.headers["etag"]) == (304, "", tag), (path, given)
            assert same.headers["cache-control"] == "no-store"
        for given in ('"other"', "", tag.strip('"'), '"', "nonsense", f'"{tag}'):
            assert alice.sending(if_none_match=given).get(path).text == first.text


def test_a_tag_changes_with_whatever_is_shown(alice: Client, engine: Engine, case: Case) -> None:
    before = tag_of(alice.get(case.path))
    assert tag_of(alice.get(case.path)) == before
    with engine.begin() as connection:
        connection.exec_driver_sql(case.others)
    after = alice.sending(if_none_match=before).get(case.path)
    assert tag_of(after) != before


def test_lists_have_other_tags_when_a_row_comes_or_changes(alice: Client) -> None:
    tags = [tag_of(alice.get("actions"))]
    action = make_action(alice)
    tags.append(tag_of(alice.get("actions")))
    make_job(alice, action)
    tags.append(tag_of(alice.get("actions")))
    assert len(set(tags)) == len(tags)


def test_who_has_seen_the_latest_may_change_it(alice: Client, case: Case) -> None:
    for method in case.methods:
        tag = tag_of(alice.get(case.path))
        given = '"old", ' + tag
        answer = matching(alice, given).send(method, case.path, {**case.change, "message": method})
        assert answer.status in (200, 409), answer.text
        assert answer.status == 200 or method == "DELETE"


def test_who_has_seen_something_older_is_told_so_and_changes_nothing(alice: Client, engine: Engine, case: Case) -> None:
    old = tag_of(alice.get(case.path))
    with engine.begin() as connection:
        connection.exec_driver_sql(case.others)
    now = alice.get(case.path)
    for method in case.methods:
        for given in (old, f"W/{tag_of(now)}", '"made up"', "nonsense", ""):
            answer = matching(alice, given).send(method, case.path, case.change)
            assert (answer.status, answer.json["title"]) == (412, "Precondition Failed"), (method, given)
            assert answer.headers["etag"] == tag_of(now)
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json["type"] == "urn:cronny:problem:stale"
    assert alice.get(case.path).text == now.text


def test_any_state_will_do_for_a_star_and_for_who_says_nothing(alice: Client, engine: Engine, case: Case) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(case.others)
    for method in case.methods[:-1]:
        assert matching(alice, " * ").send(method, case.path, case.change).status == 200
        assert alice.send(method, case.path, case.change).status == 200


def test_what_is_not_there_is_404_whatever_is_expected(alice: Client, bob: Client, case: Case) -> None:
    if case.path == "user/profile":
        return
    tag = tag_of(alice.get(case.path))
    for method in case.methods:
        for given in (tag, "*", '"x"'):
            assert matching(bob, given).send(method, case.path, case.change).status == 404


@pytest.mark.parametrize("last", [True, False])
def test_a_change_that_commits_meanwhile_is_noticed(
    alice: Client, elsewhere: Client, engine: Engine, case: Case, last: bool
) -> None:
    """Whoever waits for a row compares what is there when it has the row, and not what was there when it came."""
    tag = tag_of(alice.get(case.path))
    method = case.methods[-1 if last else 0]
    with ThreadPoolExecutor(1) as pool:
        with engine.begin() as connection:
            connection.exec_driver_sql(case.others)
            waiting = pool.submit(matching(elsewhere, tag).send, method, case.path, case.change)
            until(lambda: somebody_waits(engine))
        answer = waiting.result(10)
    assert answer.status == 412, answer.text
    assert answer.headers["etag"] == tag_of(alice.get(case.path))


def test_of_many_who_change_the_same_state_at_once_one_does(
    alice: Client, services: Services, database: Database, cases: dict[str, Case], clock: SetClock
) -> None:
    path = cases["schedule"].path
    clock.forward(1)
    anywhere = Client(build(lambda: replace(services, database=database)), alice.headers)
    client = matching(anywhere, tag_of(alice.get(path)))
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda number: client.put(path, {"name": f"by {number}"}), range(6)))
    assert sorted(answer.status for answer in answers) == [200] + [412] * 5
    (winner,) = (answer for answer in answers if answer.status == 200)
    assert alice.get(path).json["schedule"]["name"] == winner.json["schedule"]["name"]


def test_a_schedule_that_has_merely_fired_is_not_stale(
    alice: Client, engine: Engine, services: Services, clock: SetClock
) -> None:
    world = World(alice, engine, services.clock.now())
    path = f"schedules/{world.schedule_id}"
    before = tag_of(alice.get(path))
    world.trigger("completed", 5)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE schedules SET schedule_status = 'processing', runs = 7")
    after = tag_of(alice.sending(if_none_match=before).get(path))
    assert after != before
    clock.forward(1)
    assert matching(alice, before).put(path, {"name": "edited"}).status == 200
    assert matching(alice, after).put(path, {"name": "edited again"}).status == 412


def test_a_schedule_that_was_paused_or_given_another_calendar_is_stale(alice: Client, clock: SetClock) -> None:
    action = make_action(alice)
    path = f"schedules/{make_schedule(alice, action)['id']}"
    calendar = alice.post("calendars", {"name": "c"}).json["calendar"]["id"]
    for change in ({"schedule_status": "inactive"}, {"calendar_ids": [calendar]}, {"overlap": "skip"}):
        tag = tag_of(alice.get(path))
        clock.forward(1)
        assert alice.put(path, change).status == 200
        assert matching(alice, tag).delete(path).status == 412


def test_an_action_is_stale_when_one_of_its_jobs_is(alice: Client) -> None:
    action = make_action(alice)
    tag = tag_of(alice.get(f"actions/{action}"))
    make_job(alice, action)
    assert matching(alice, tag).delete(f"actions/{action}").status == 412


def test_what_is_stale_is_told_before_what_is_wrong(alice: Client) -> None:
    path = f"actions/{make_action(alice)}"
    assert matching(alice, '"old"').put(path, {"name": 5}).status == 412
    assert matching(alice, '"old"').put(path, "{").status == 400


def test_no_route_that_changes_something_overlooks_if_match(alice: Client, cases: dict[str, Case]) -> None:
    """From the table of routes: none has been forgotten."""
    ids = {"trigger_id": cases["dead_letter"], "template_id": cases["job_template"]}
    ids |= {f"{name}_id": case for name, case in cases.items()}
    for pattern, methods in alice.app.routes.items():
        path = pattern.removeprefix(f"{BASE}/")
        if "{" in path:
            path = ids[name].path if (name := path.split("{")[1].split("}")[0]) in ids else path
        for method in {"PUT", "PATCH", "DELETE"} & set(methods):
            answer = matching(alice, '"made up"').send(method, path, {"name": "n", "plan": "pro", "ids": [999]})
            assert answer.status == 412, (method, path, answer.text)
            if path in ("user/plan", "dead_letters"):
                assert "etag" not in answer.headers
                assert matching(alice, "*").send(method, path, {"plan": "pro", "ids": [999]}).status == 200


def test_errors_and_what_was_written_have_no_tag(alice: Client, nobody: Client) -> None:
    made = alice.post("actions", {"name": "a"})
    for answer in (made, alice.put(f"actions/{made.json['action']['id']}", {}), alice.get("actions/999")):
        assert "etag" not in answer.headers
    assert "etag" not in nobody.sending(if_none_match="*").get("actions").headers
    assert nobody.sending(if_none_match="*").get("/health").status == 200
