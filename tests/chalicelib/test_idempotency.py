"""Idempotency-Key: whatever becomes of the first request, a second one under its key never does the same again."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Any

import pytest

from chalicelib import application
from chalicelib.answer import Answer
from chalicelib.application import build
from chalicelib.call import Call
from chalicelib.resources import schedules as schedule_routes
from chalicelib.routes import Routes
from shared.clean import clean
from shared.clock import SteppedClock
from shared.errors import NotSignedIn, TooSlow, Unavailable
from shared.manage import actions, runs
from shared.manage.bulk import change_many
from shared.services import Services
from shared.store import virtual_clock
from shared.store.engine import Database
from shared.store.tables import kept_answers
from shared.store.tables import schedules as schedules_table
from shared.user import UserId
from tests.chalicelib.client import BASE, Answered, Client
from tests.chalicelib.conftest import make_action, make_schedule, sign_up
from tests.fakes import SetClock
from tests.world import count

REPLAYED = "idempotency-replayed"
HEADER = "Idempotency-Key"


class Killed(BaseException):
    """What nobody catches: as far as the code can tell, the process is gone."""


@pytest.fixture
def keyed(alice: Client) -> Client:
    """Alice, with a key."""
    return alice.sending(idempotency_key="key 1")


@pytest.fixture
def elsewhere(keyed: Client, services: Services, database: Database) -> Client:
    """The same, by another process."""
    return Client(build(lambda: replace(services, database=database)), keyed.headers)


def meanwhile(monkeypatch: pytest.MonkeyPatch, do: Callable[[], object], *, after: bool = False) -> None:
    """Something else happens once, while the next action is being made."""
    create = actions.create_action

    def interrupted(*arguments: Any) -> Any:
        monkeypatch.setattr(actions, "create_action", create)
        if not after:
            do()
        made = create(*arguments)
        if after:
            do()
        return made

    monkeypatch.setattr(actions, "create_action", interrupted)


def failing(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def names(client: Client) -> list[str]:
    return [action["name"] for action in client.get("actions").json["actions"]]


def test_the_same_request_again_gets_the_first_answer_and_does_nothing(keyed: Client) -> None:
    first, again, third = (keyed.post("actions", {"name": "once"}) for _ in range(3))
    assert first.status == again.status == third.status == 201
    assert first.text == again.text == third.text
    assert (first.headers.get(REPLAYED), again.headers[REPLAYED], third.headers[REPLAYED]) == (None, "true", "true")
    assert {**first.headers, REPLAYED: "true"} == again.headers
    assert names(keyed) == ["once"]


def test_without_a_key_everything_is_done_as_often_as_it_is_asked_for(alice: Client) -> None:
    assert [alice.post("actions", {"name": "twice"}).status for _ in range(2)] == [201, 201]
    assert names(alice) == ["twice", "twice"]


def test_every_post_of_somebody_signed_in_is_answered_once(keyed: Client) -> None:
    # But those whose answer has a secret in it.
    kept = [path for path in keyed.app.routes if "/auth/" not in path and not path.endswith("/user/keys")]
    patterns = [path for path in kept if "POST" in keyed.app.routes[path]]
    assert len(patterns) >= 10
    for number, pattern in enumerate(patterns):
        path = pattern.removeprefix(f"{BASE}/")
        client = keyed.sending(idempotency_key=f"key of {number}")
        path = "/".join("999" if step.startswith("{") else step for step in path.split("/"))
        first, again = client.post(path, {"name": pattern}), client.post(path, {"name": pattern})
        assert first.status < 500, (path, first.text)
        assert (first.status, first.text) == (again.status, again.text)
        assert (REPLAYED in first.headers, again.headers.get(REPLAYED)) == (False, "true"), path


def test_what_was_wrong_is_wrong_again_even_if_it_would_be_right_by_now(alice: Client, keyed: Client) -> None:
    made = alice.post("calendars", {"name": "taken"}).json["calendar"]
    first = keyed.post("calendars", {"name": "taken"})
    alice.delete(f"calendars/{made['id']}")
    again = keyed.post("calendars", {"name": "taken"})
    assert (first.status, again.status, first.text) == (409, 409, again.text)
    assert again.headers["content-type"] == "application/problem+json"
    assert again.headers[REPLAYED] == "true"
    assert alice.get("calendars").json["calendars"] == []


def test_many_at_once_are_done_once_too(keyed: Client) -> None:
    ids = [make_schedule(keyed.sending(idempotency_key=f"s{n}"), 1 if n else make_action(keyed))["id"] for n in (0, 1)]
    client = keyed.sending(idempotency_key="bulk")
    first, again = (client.post("schedules/bulk", {"action": "pause", "ids": ids}) for _ in range(2))
    assert first.json["bulk"]["changed"] == 2
    assert (first.text, again.headers[REPLAYED]) == (again.text, "true")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("actions", {"name": "another"}),
        ("actions", {}),
        ("actions", '{"name":  "once"}'),
        ("calendars", {"name": "once"}),
        ("schedules/1/pause", {"name": "once"}),
    ],
)
def test_a_key_belongs_to_one_request(keyed: Client, path: str, body: Any) -> None:
    assert keyed.post("actions", {"name": "once"}).status == 201
    answer = keyed.post(path, body)
    assert answer.status == 422
    assert answer.fields == {HEADER: "was used for another request; every request needs one of its own"}
    assert names(keyed) == ["once"]


def test_the_id_in_the_path_is_part_of_the_request(alice: Client, keyed: Client) -> None:
    action = make_action(alice)
    one, other = make_schedule(alice, action), make_schedule(alice, action)
    assert keyed.post(f"schedules/{one['id']}/pause").status == 200
    assert set(keyed.post(f"schedules/{other['id']}/pause").fields) == {HEADER}


@pytest.mark.parametrize("key", ["", "x" * 201, "caf\u00e9", "a\tb", "\u2603", "a\x7f"])
def test_a_key_that_is_none_is_422_and_nothing_is_done(alice: Client, key: str) -> None:
    answer = alice.sending(idempotency_key=key).post("actions", {"name": "never"})
    assert (answer.status, answer.fields) == (422, {HEADER: "must be 1 to 200 printable ASCII characters"})
    assert names(alice) == []


@pytest.mark.parametrize("key", ["x", "x" * 200, "".join(map(chr, range(0x20, 0x7F)))])
def test_any_other_key_is_one(alice: Client, key: str) -> None:
    client = alice.sending(idempotency_key=key)
    assert [client.post("actions", {"name": "a"}).headers.get(REPLAYED) for _ in range(2)] == [None, "true"]


def test_keys_are_ones_own(keyed: Client, bob: Client) -> None:
    keyed.post("actions", {"name": "hers"})
    answer = bob.sending(idempotency_key="key 1").post("actions", {"name": "his"})
    assert (answer.status, answer.headers.get(REPLAYED), names(bob)) == (201, None, ["his"])


def test_who_has_not_signed_in_has_no_keys(nobody: Client, services: Services) -> None:
    client = nobody.sending(idempotency_key="key 1")
    body = {"username": "eve", "email": "eve@example.org", "password": "correct horse battery"}
    assert [client.post("auth/register", body).status for _ in range(2)] == [201, 409]
    assert client.post("actions", {"name": "a"}).status == 401
    assert count(services, kept_answers) == 0


def test_only_posts_have_keys(alice: Client, keyed: Client, services: Services) -> None:
    path = f"actions/{make_action(alice)}"
    for answer in (keyed.get(path), keyed.put(path, {"name": "b"}), keyed.patch(path, {}), keyed.delete(path)):
        assert answer.status == 200
    assert keyed.sending(idempotency_key="").get(path).status == 404
    assert count(services, kept_answers) == 0


def test_while_the_first_is_in_flight_the_second_is_told_to_try_again(
    keyed: Client, elsewhere: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Answered] = []

    def ask_again() -> None:
        told.extend([elsewhere.post("actions", {"name": "once"}), elsewhere.post("actions", {"name": "other"})])

    meanwhile(monkeypatch, ask_again)
    assert keyed.post("actions", {"name": "once"}).status == 201
    assert [answer.status for answer in told] == [409, 422]
    assert "try again in a moment" in told[0].json["detail"]
    assert int(told[0].headers["retry-after"]) > 0
    assert elsewhere.post("actions", {"name": "once"}).headers[REPLAYED] == "true"
    assert names(keyed) == ["once"]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RuntimeError("a bug"), 500),
        (Unavailable("The database is away."), 503),
        (TooSlow("Too slow."), 503),
        (NotSignedIn("Log in."), 401),
    ],
)
@pytest.mark.parametrize("after", [True, False])
def test_an_answer_that_decides_nothing_leaves_nothing_done_and_frees_the_key(
    keyed: Client, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, after: bool
) -> None:
    meanwhile(monkeypatch, failing(error), after=after)
    assert keyed.post("actions", {"name": "once"}).status == status
    assert names(keyed) == []
    answer = keyed.post("actions", {"name": "once"})
    assert (answer.status, answer.headers.get(REPLAYED), names(keyed)) == (201, None, ["once"])


@pytest.mark.parametrize("after", [True, False])
def test_who_dies_in_flight_leaves_nothing_done_and_the_key_free_after_30_seconds(
    keyed: Client, clock: SetClock, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    meanwhile(monkeypatch, failing(Killed()), after=after)
    with pytest.raises(Killed):
        keyed.post("actions", {"name": "once"})
    assert names(keyed) == []
    clock.forward(29.9)
    assert keyed.post("actions", {"name": "once"}).status == 409
    clock.forward(0.1)
    assert [keyed.post("actions", {"name": "once"}).headers.get(REPLAYED) for _ in range(2)] == [None, "true"]
    assert names(keyed) == ["once"]


def test_what_is_done_in_parts_and_dies_before_its_answer_is_kept_finds_nothing_left_to_do(
    alice: Client, keyed: Client, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = make_schedule(alice, make_action(alice))["id"]

    def dying(*arguments: Any) -> Any:
        monkeypatch.setattr(schedule_routes, "change_many", change_many)
        change_many(*arguments)
        raise Killed

    monkeypatch.setattr(schedule_routes, "change_many", dying)
    body = {"action": "pause", "ids": [schedule]}
    with pytest.raises(Killed):
        keyed.post("schedules/bulk", body)
    assert alice.get(f"schedules/{schedule}").json["schedule"]["schedule_status"] == "inactive"
    clock.forward(30)
    answers = [keyed.post("schedules/bulk", body) for _ in range(2)]
    assert [answer.json["bulk"]["unchanged"] for answer in answers] == [1, 1]
    assert [answer.headers.get(REPLAYED) for answer in answers] == [None, "true"]


def test_a_backfill_of_the_latest_is_one_run_even_if_its_answer_is_lost(
    alice: Client, keyed: Client, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is the latest that never ran is another one once that runs: here only one transaction helps."""
    schedule = make_schedule(alice, make_action(alice))["id"]
    since, until = clock.now(), clock.forward(100)
    body = {"from": since.isoformat(), "to": until.isoformat(), "policy": "latest"}
    backfill = runs.backfill

    def dying(*arguments: Any) -> Any:
        monkeypatch.setattr(runs, "backfill", backfill)
        backfill(*arguments)
        raise Killed

    monkeypatch.setattr(runs, "backfill", dying)
    with pytest.raises(Killed):
        keyed.post(f"schedules/{schedule}/backfill", body)
    clock.forward(30)
    assert keyed.post(f"schedules/{schedule}/backfill", body).json["backfill"]["created"] == 1
    assert len(alice.get("triggers", schedule_id=schedule).json["triggers"]) == 1


def test_the_only_connection_suffices_for_a_clock_that_looks_at_the_database(keyed: Client, services: Services) -> None:
    impatient = SteppedClock(partial(virtual_clock.read, services.database), stale_after=0)
    client = Client(build(lambda: replace(services, clock=impatient)), keyed.headers)
    action = client.post("actions", {"name": "a"}).json["action"]["id"]
    assert make_schedule(client.sending(idempotency_key="k2"), action)["next_run_at"] is None


def test_who_was_taken_for_dead_and_is_only_slow_undoes_its_work(
    keyed: Client, elsewhere: Client, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[Answered] = []

    def overtake() -> None:
        clock.forward(31)
        done.append(elsewhere.post("actions", {"name": "once"}))

    # Before its work, because those who make things of one user wait for each other.
    meanwhile(monkeypatch, overtake)
    assert keyed.post("actions", {"name": "once"}).status == 409
    assert (done[0].status, names(keyed)) == (201, ["once"])
    assert keyed.post("actions", {"name": "once"}).text == done[0].text


def test_a_database_that_goes_away_before_the_commit_leaves_nothing_done(
    keyed: Client, database: Database, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut() -> None:
        with database.begin() as connection:
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND state = 'idle in transaction' AND pid <> pg_backend_pid()"
            )

    meanwhile(monkeypatch, cut, after=True)
    assert keyed.post("actions", {"name": "once"}).status == 503
    assert names(keyed) == []
    assert keyed.post("actions", {"name": "once"}).status == 201
    assert names(keyed) == ["once"]


def test_an_answer_is_kept_for_a_day_of_real_time(
    nobody: Client, services: Services, clock: SetClock, database: Database
) -> None:
    clock.real, clock.speed = clock.instant, 600.0

    def send() -> Answered:
        token = nobody.post("auth/login", {"username": "carol", "password": "correct horse battery"}).json["token"]
        return nobody.bearing(token).sending(idempotency_key="k").post("actions", {"name": "a"})

    sign_up(nobody, "carol")
    first = send()
    clock.forward(600 * 3600)
    clock.real += timedelta(hours=24, seconds=-1)
    clean(services, clock.now())
    assert send().text == first.text
    clock.real += timedelta(seconds=1)
    assert send().headers.get(REPLAYED) is None


def test_the_cleaner_deletes_in_batches_what_is_over(
    keyed: Client, services: Services, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.clean.BATCH", 2)
    for number in range(3):
        keyed.sending(idempotency_key=f"k{number}").post("actions", {"name": "a"})
    clock.forward(600)
    keyed.post("actions", {"name": "later"})
    clock.forward(24 * 3600 - 600)
    first, second = clean(services, clock.now()), clean(services, clock.now())
    assert (first.expired, first.more, second.expired) == (2, True, 1)
    assert count(services, kept_answers) == 1


def test_a_secret_that_is_shown_once_is_not_kept(
    alice: Client, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    routes = Routes("shown_once")

    @routes("POST", "/shown_once", keeps_answer=False)
    def show(_call: Call, _user_id: UserId) -> Answer:
        return Answer({"secret": "a canary"}, HTTPStatus.CREATED)

    monkeypatch.setattr(application, "RESOURCES", (*application.RESOURCES, routes))
    client = Client(build(lambda: services), alice.headers).sending(idempotency_key="k")
    assert client.post("shown_once").json == {"secret": "a canary"}
    again = client.post("shown_once")
    assert (again.status, "a secret, shown once and not kept" in again.json["detail"]) == (409, True)
    assert count(services, kept_answers, body="a canary") == count(services, kept_answers, status=200) == 0
    assert count(services, kept_answers, body=None, status=201) == 1


def test_the_request_itself_is_not_stored(keyed: Client, services: Services, database: Database) -> None:
    action = make_action(keyed.sending(idempotency_key="k2"))
    body = {"name": "x", "action_id": action, "schedule_type": "recurring", "schedule_value": "a canary"}
    assert keyed.post("schedules", body).status == 422
    with database.begin() as connection:
        rows = connection.exec_driver_sql("SELECT request, headers::text FROM kept_answers").all()
    assert len(rows) == 2
    assert "canary" not in str(rows)
    assert count(services, schedules_table) == 0
