"""Secrets in jobs that run: only those that are named, only when they are needed, and nobody else's trouble."""

import logging
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, text, update

from shared.action import JobGraph
from shared.dispatch import dispatch
from shared.errors import Invalid, KeyAway
from shared.execute import Executed, execute
from shared.manage.dead_letters import redrive
from shared.manage.draft import Draft
from shared.manage.secrets import create_secret
from shared.outcome import Outcome
from shared.plan import plan
from shared.prepare import prepare
from shared.redaction import MARK
from shared.runners import RunContext
from shared.services import Services
from shared.store.tables import breakers, jobs, secrets
from shared.unsealing import secrets_of
from shared.user import UserId
from shared.vault import Vault
from tests.fakes import RecordedQueue, SetClock
from tests.shared.graphs import job
from tests.targets import Target
from tests.world import count, new_action, new_job, new_schedule, new_user, the_executions, the_triggers

pytestmark = pytest.mark.usefixtures("sound")

VALUE = "canary-opensesame"


class Bench:
    """Users with schedules of one job each, and whoever runs what is due."""

    def __init__(self, services: Services, clock: SetClock, queue: RecordedQueue) -> None:
        self.services, self.clock, self.queue = services, clock, queue

    def user(self, name: str, **values: str) -> UserId:
        user = new_user(self.services, name)
        for key, value in values.items():
            create_secret(self.services, user, Draft({"name": key, "value": value}))
        return user

    def job(self, user: UserId, job_input: Any, job_type: str = "logger", **fields: Any) -> int:
        """A schedule whose only job has this input; its id."""
        action = new_action(self.services, user, f"action {time.monotonic_ns()}")
        new_job(self.services, user, action, job_type=job_type, job_input_value=job_input, **fields)
        return new_schedule(self.services, user, action)

    def fire(self, services: Services | None = None) -> list[Executed]:
        """Let everything be due once, and run it."""
        plan(self.services, self.clock.now())
        dispatch(self.services, self.clock.forward(11))
        return self.work(services)

    def work(self, services: Services | None = None) -> list[Executed]:
        packs, self.queue.packs = self.queue.packs, []
        return [execute(services or self.services, pack, time.monotonic() + 30) for pack in packs]

    def told(self, schedule: int) -> Any:
        """The last job execution of a schedule."""
        (trigger, *_) = [row for row in the_triggers(self.services, schedule) if row.started_at]  # type: ignore[arg-type]
        return the_executions(self.services, trigger.id)[-1]


def set_inputs(services: Services, value: Any) -> None:
    """Give all jobs this input."""
    with services.database.begin() as connection:
        connection.execute(update(jobs).values(job_input_value=value))


@pytest.fixture
def bench(services: Services, clock: SetClock, queue: RecordedQueue) -> Bench:
    return Bench(services, clock, queue)


class Away:
    """A key that nobody can reach."""

    def has(self, _key_id: str) -> bool:
        return True

    def new(self, _binding: object) -> Any:
        raise KeyAway("The key of secrets is away")

    def unwrap(self, _key_id: str, _wrapped: bytes, _binding: object) -> bytes:
        raise KeyAway("The key of secrets is away")


@pytest.mark.parametrize("kind", ["static_input", "job_input_as_template"])
def test_the_target_gets_the_secret_and_the_record_does_not(bench: Bench, target: Target, kind: str) -> None:
    user = bench.user("ada", TOKEN=VALUE, PASSWORD="lovelace pass")
    job_input = {
        "url": target.url + "/echo/{{ secrets.TOKEN }}",
        "headers": {"X-Token": "{{secrets.TOKEN}}"},
        "auth": {"type": "basic", "username": "ada", "password": "{{ secrets.PASSWORD }}"},
    }
    schedule = bench.job(user, job_input, "http", job_input_type=kind)
    assert bench.fire() == [Executed(1, 0, 0)]
    (seen,) = target.seen
    assert seen.path == f"/echo/{VALUE}"
    assert seen.headers["x-token"] == VALUE
    execution = bench.told(schedule)
    assert execution.input["url"] == f"{target.url}/echo/{MARK}"
    assert execution.input["headers"] == {"X-Token": MARK}
    assert execution.input["auth"] == {"type": "basic", "username": "ada", "password": MARK}
    assert execution.output["body"]["path"] == f"/echo/{MARK}"
    assert MARK in execution.output["body"]["headers"]["authorization"]
    assert VALUE not in str(execution)


def test_a_job_sees_its_owners_secrets_only(bench: Bench) -> None:
    bench.user("bob", TOKEN=VALUE)
    schedule = bench.job(bench.user("ada"), {"message": ["{{ secrets.TOKEN }}"]})
    bench.fire()
    execution = bench.told(schedule)
    assert execution.error == "its input cannot be made: message[0]: there is no secret TOKEN"
    assert (execution.failure, execution.input) == ("invalid_input", {"message": ["{{ secrets.TOKEN }}"]})


def test_a_pack_reads_the_secrets_that_its_jobs_name_in_one_statement_and_without_any_in_none(
    bench: Bench, services: Services
) -> None:
    user = bench.user("ada", A="value of A", B="value of B", C="value of C")
    statements: list[str] = []
    event.listen(services.database.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    for _ in range(3):
        bench.job(user, {"message": "{{ secrets.A }} {{ secrets.B }}"})
    bench.job(user, {"message": "no secrets.A here"})
    plan(services, bench.clock.now())
    dispatch(services, bench.clock.forward(11))
    bench.queue.packs = [tuple(trigger_id for pack in bench.queue.packs for trigger_id in pack)]
    assert bench.work() == [Executed(4, 0, 0)]
    assert len([each for each in statements if "secrets.box" in each]) == 1
    with services.database.begin() as connection:
        used = {row.name: row.last_used_at for row in connection.execute(select(secrets))}
    assert (used["A"], used["B"], used["C"]) == (bench.clock.now(), bench.clock.now(), None)
    statements.clear()
    set_inputs(services, {"message": "no secrets.A here either"})
    bench.fire()
    assert not [each for each in statements if " secrets" in each]


def test_the_last_use_is_written_once_a_minute(bench: Bench, services: Services) -> None:
    bench.job(bench.user("ada", A="value of A"), {"message": "{{ secrets.A }}"})
    uses = []
    for _ in range(8):
        bench.fire()
        with services.database.begin() as connection:
            uses.append(connection.execute(select(secrets.c.last_used_at)).scalar_one())
    assert len(set(uses)) == 2
    assert max(uses) - min(uses) > timedelta(minutes=1)


def test_a_key_that_is_away_fails_the_jobs_that_need_it_and_no_others(
    bench: Bench, services: Services, target: Target
) -> None:
    user = bench.user("ada", TOKEN=VALUE)
    needs = {"url": target.url, "headers": {"X-Token": "{{ secrets.TOKEN }}"}}
    once, again = bench.job(user, needs, "http"), bench.job(user, needs, "http", retry={"max_attempts": 1})
    other = bench.job(user, {"message": "hello"})
    bench.fire(replace(services, vault=Vault([Away()])))
    failed = bench.told(once)
    assert failed.error == "its secrets cannot be opened: The key of secrets is away"
    assert (failed.failure, failed.input["headers"]) == ("key_away", {"X-Token": "{{ secrets.TOKEN }}"})
    assert bench.told(other).status == "completed"
    # No host is to blame, nothing was sent, and whoever retries gets on when it is back.
    assert count(services, breakers) == 0
    assert target.seen == []
    waiting = [row for row in the_triggers(services, again) if row.attempt]  # type: ignore[arg-type]
    assert [row.status for row in waiting] == ["scheduled"]
    bench.clock.forward(60)
    bench.fire()
    assert [row.status for row in the_triggers(services, again) if row.id == waiting[0].id] == ["completed"]  # type: ignore[arg-type]


def test_a_key_that_is_away_is_tried_again_also_at_most_once(bench: Bench, services: Services, target: Target) -> None:
    user = bench.user("ada", TOKEN=VALUE)
    needs = {"url": target.url, "headers": {"X-Token": "{{ secrets.TOKEN }}"}}
    schedule = bench.job(user, needs, "http", delivery="at_most_once", retry={"max_attempts": 1})
    bench.fire(replace(services, vault=Vault([Away()])))
    assert [row.status for row in the_triggers(services, schedule) if row.attempt] == ["scheduled"]  # type: ignore[arg-type]


def test_a_secret_that_was_tampered_with_fails_its_job_and_says_what_to_do(bench: Bench, services: Services) -> None:
    user = bench.user("ada", TOKEN=VALUE, OTHER="another value")
    schedule = bench.job(user, {"message": "{{ secrets.TOKEN }}"})
    swap = "UPDATE secrets SET (box, wrapped_key) = (SELECT box, wrapped_key FROM secrets WHERE name = 'OTHER')"
    with services.database.begin() as connection:
        connection.execute(text(swap))
    bench.fire()
    assert bench.told(schedule).error == (
        "its input cannot be made: secrets.TOKEN: it cannot be opened any more; store its value again"
    )


def test_what_a_target_answers_is_never_taken_for_a_placeholder(bench: Bench, target: Target) -> None:
    user = bench.user("ada", TOKEN=VALUE)
    action = new_action(bench.services, user)
    says = {"url": target.url + "/body", "method": "POST", "request_body": "{{ '{{ secrets.TOKEN }}' }}"}
    kinds = {"job_input_type": "job_input_as_template"}
    tell = new_job(
        bench.services,
        user,
        action,
        name="tell",
        is_root_job=False,
        job_input_value={"message": ["{{ jobs.ask.output.body }}", "{{ secrets.TOKEN }}"]},
        **kinds,
    )
    follows = {"version": 1, "condition_rules": [{"filters": [], "job_id": tell}]}
    new_job(bench.services, user, action, name="ask", job_type="http", job_input_value=says, condition=follows, **kinds)
    schedule = new_schedule(bench.services, user, action)
    bench.fire()
    assert bench.told(schedule).output == {"message": ["{{ secrets.TOKEN }}", MARK]}


def test_what_an_earlier_job_sent_is_redacted_from_what_later_ones_are_answered(bench: Bench, target: Target) -> None:
    user = bench.user("ada", TOKEN=VALUE)
    action = new_action(bench.services, user)
    later = new_job(
        bench.services,
        user,
        action,
        name="later",
        is_root_job=False,
        job_type="http",
        job_input_value={"url": target.url + "/echo/canary-" + "opensesame"},
    )
    follows = {"version": 1, "condition_rules": [{"filters": [], "job_id": later}]}
    new_job(bench.services, user, action, job_input_value={"message": "{{ secrets.TOKEN }}"}, condition=follows)
    schedule = new_schedule(bench.services, user, action)
    bench.fire()
    assert bench.told(schedule).output["body"]["path"] == f"/echo/{MARK}"
    assert target.seen[0].path == f"/echo/{VALUE}"


def test_a_redriven_input_may_name_secrets_and_has_no_redacted_parts(
    bench: Bench, services: Services, target: Target
) -> None:
    user = bench.user("ada", TOKEN=VALUE)
    given = {"url": target.url + "/status/500", "headers": {"X-Token": "{{ secrets.TOKEN }}"}}
    schedule = bench.job(user, given, "http")
    bench.fire()
    (letter,) = [row.id for row in the_triggers(services, schedule) if row.status == "failed"]  # type: ignore[arg-type]
    mended = given | {"url": target.url + "/echo"}
    for wrong, message in (
        (mended | {"headers": {"X-Token": MARK}}, r"\[redacted\] in it"),
        (mended | {"headers": {"X-Token": "{{ secrets.GONE }}"}}, "there is no secret GONE"),
    ):
        with pytest.raises(Invalid, match=message):
            redrive(services, user, Draft({"ids": [letter], "job_input": wrong}), None)
    redrive(services, user, Draft({"ids": [letter], "job_input": mended}), None)
    bench.fire()
    assert target.seen[-1].headers["x-token"] == VALUE
    assert the_executions(services, letter)[-1].input == mended | {"headers": {"X-Token": MARK}}


def test_credentials_that_were_typed_in_are_redacted_from_the_record(bench: Bench, target: Target) -> None:
    typed = {"url": target.url + "/echo", "auth": {"type": "bearer", "token": VALUE}, "headers": {"Cookie": "c=crumbs"}}
    schedule = bench.job(bench.user("ada"), typed, "http")
    bench.fire()
    assert target.seen[0].headers["authorization"] == f"Bearer {VALUE}"
    told = str(bench.told(schedule))
    assert VALUE not in told
    assert "crumbs" not in told


def test_a_password_that_is_an_ordinary_word_is_taken_out_of_the_input_only(bench: Bench, target: Target) -> None:
    auth = {"type": "basic", "username": "u", "password": "admin"}
    typed = {"url": target.url + "/body", "method": "POST", "request_body": {"role": "admin"}, "auth": auth}
    schedule = bench.job(bench.user("ada"), typed, "http")
    bench.fire()
    told = bench.told(schedule)
    assert told.input["auth"]["password"] == MARK
    assert told.output["body"] == {"role": "admin"}


def test_a_runner_that_breaks_leaves_no_secret_in_the_log(
    bench: Bench, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def run(self, job_input: Any, _context: RunContext) -> Outcome:
            raise ValueError(f"cannot do anything with {job_input}")

    schedule = bench.job(bench.user("ada", TOKEN=VALUE), {"message": "{{ secrets.TOKEN }}"})
    with caplog.at_level(logging.DEBUG):
        bench.fire(replace(services, runners={"logger": Broken()}))
    assert "cannot do anything with" in caplog.text
    assert VALUE not in caplog.text
    assert bench.told(schedule).failure == "crashed"


def test_an_instant_after_its_secret_is_gone_a_job_says_so(bench: Bench, services: Services) -> None:
    """Which cannot happen over the API: it refuses to delete what jobs use."""
    schedule = bench.job(bench.user("ada", TOKEN=VALUE), {"message": "{{ secrets.TOKEN }}"})
    with services.database.begin() as connection:
        connection.execute(update(secrets).values(name="ELSEWHERE"))
    bench.fire()
    assert "there is no secret TOKEN" in bench.told(schedule).error


def test_an_input_outside_any_trigger_is_prepared_and_shown_in_the_same_way(bench: Bench, services: Services) -> None:
    """What trying out a job does."""
    user = bench.user("ada", TOKEN=VALUE, OTHER="another value")
    one = job(1, value={"message": "{{ secrets.TOKEN }} {{ secrets.GONE }}"})
    for replaced, told in ((None, "message: there is no secret GONE"), ({"message": "{{ secrets.TOKEN }}"}, None)):
        inputs = [(replaced or one.job_input_value, one.job_input_type)]
        with services.database.begin() as connection:
            reveal = secrets_of(services, connection, user, inputs, bench.clock.now())
        prepared = prepare(one, JobGraph((one,)), {}, {}, reveal, opened={}, replaced=replaced)
        assert VALUE not in str(prepared.shown)
        if told:
            assert prepared.unusable is not None
            assert told in (prepared.unusable.error or "")
        else:
            assert (prepared.input, prepared.shown) == ({"message": VALUE}, {"message": MARK})
            assert prepared.redaction.text(f"says {VALUE}") == f"says {MARK}"
            assert reveal(["OTHER"]) == {}
