"""Trying out a job, and looking at the input that it would get."""

from dataclasses import replace
from threading import Event
from typing import Any

import pytest
from sqlalchemy import Engine, select

from chalicelib.application import build
from shared import trial
from shared.job import JsonValue
from shared.outcome import Outcome
from shared.runners import RunContext
from shared.services import Services
from shared.store.tables import breakers, job_executions, triggers
from tests.chalicelib.client import Client
from tests.chalicelib.conftest import make_action, make_job
from tests.fakes import SetClock
from tests.targets import Target
from tests.world import count, new_breaker


def http_job(client: Client, target: Target, **fields: Any) -> Any:
    given = {"job_input_value": {"url": f"{target.url}/echo", "method": "POST"}, **fields}
    return make_job(client, make_action(client), **given)


def tried(client: Client, job: Any, body: Any = None) -> Any:
    answer = client.post(f"jobs/{job['id']}/test", {} if body is None else body)
    assert answer.status == 200, answer.text
    return answer.json["outcome"]


def test_a_job_runs_once_and_nothing_of_it_is_recorded(alice: Client, services: Services, target: Target) -> None:
    outcome = tried(alice, http_job(alice, target))
    assert (outcome["status"], outcome["error"], outcome["failure"]) == ("completed", None, None)
    assert outcome["output"]["status"] == 200
    assert outcome["input"] == {"url": f"{target.url}/echo", "method": "POST"}
    assert 0 < outcome["timings"]["total"] < 20
    (seen,) = target.seen
    assert seen.headers["x-cronny-trigger"] == "0"
    assert seen.headers["idempotency-key"].startswith("cronny-test-")
    assert [count(services, table) for table in (job_executions, triggers, breakers)] == [0, 0, 0]


def test_another_input_can_be_tried(alice: Client, target: Target) -> None:
    job = http_job(alice, target)
    outcome = tried(alice, job, {"input": {"url": f"{target.url}/status/404"}})
    assert (outcome["status"], outcome["failure"]) == ("failed", "unexpected_status")
    assert outcome["error"] == "HTTP 404, expected 200-399"
    assert alice.get(f"jobs/{job['id']}").json["job"]["job_input_value"]["url"].endswith("/echo")


def test_templates_find_the_samples(alice: Client, target: Target) -> None:
    body = {"of": "{{ jobs.before.output.id }}", "day": "{{ schedule.input.day }}", "n": "{{ trigger.attempt }}"}
    given = {"url": f"{target.url}/body", "method": "POST", "request_body": body}
    job = http_job(alice, target, job_input_type="job_input_as_template", job_input_value=given)
    samples = {"jobs": {"before": {"output": {"id": 5}}}, "schedule": {"input": {"day": "mon"}}}
    assert tried(alice, job, {"samples": samples})["output"]["body"] == {"of": 5, "day": "mon", "n": 1}
    assert tried(alice, job)["output"]["body"] == {"of": None, "day": None, "n": 1}


def test_a_job_that_takes_anothers_output_takes_the_sample(alice: Client) -> None:
    action = make_action(alice)
    make_job(alice, action, "before")
    takes = {"job_input_type": "job_output_as_input", "job_input_value": {"job": "before"}}
    job = make_job(alice, action, "after", job_type="logger", is_root_job=False, **takes)
    outcome = tried(alice, job, {"samples": {"jobs": {"before": {"output": {"message": "hi"}}}}})
    assert outcome["output"] == {"message": "hi"}
    outcome = tried(alice, job)
    assert (outcome["status"], outcome["failure"]) == ("failed", "invalid_input")
    assert "did not run before it" in outcome["error"]


def test_a_test_is_guarded_like_every_run(alice: Client, target: Target) -> None:
    job = http_job(alice, target)
    outcome = tried(alice, job, {"input": {"url": "http://169.254.169.254/latest/meta-data"}})
    assert (outcome["status"], outcome["failure"]) == ("failed", "refused")
    outcome = tried(alice, job, {"input": {"url": 5}})
    assert (outcome["status"], outcome["failure"]) == ("failed", "invalid_input")


def test_a_test_in_aws_needs_the_same_leave(alice: Client) -> None:
    given = {"queue_arn": "arn:aws:sqs:eu-central-1:123456789012:orders", "message": "m"}
    job = make_job(alice, make_action(alice), job_type="sqs", job_input_value=given)
    outcome = tried(alice, job)
    assert (outcome["failure"], outcome["output"]) == ("refused", None)


def test_a_breaker_neither_stops_a_test_nor_counts_it(
    alice: Client, services: Services, engine: Engine, target: Target
) -> None:
    job = http_job(alice, target)
    user_id = alice.get("auth/me").json["user"]["id"]
    new_breaker(services, user_id, f"127.0.0.1:{target.port}")
    with engine.connect() as connection:
        before = connection.execute(select(breakers)).all()
    assert tried(alice, job)["status"] == "completed"
    with engine.connect() as connection:
        assert connection.execute(select(breakers)).all() == before


class Odd:
    """A runner whose target answers what JSON cannot hold."""

    def run(self, job_input: JsonValue, context: RunContext) -> Outcome:
        return Outcome.failed("half \ud800", {"nul": "a\x00b", "number": float("nan")})


def test_what_no_json_can_hold_is_answered_all_the_same(alice: Client, services: Services, target: Target) -> None:
    job = http_job(alice, target)
    outcome = tried(with_runner(alice, services, Odd()), job)
    assert (outcome["error"], outcome["output"]) == ("half ?", {"nul": "a\ufffdb", "number": None})
    template = {"message": '{{ `"\\ud800"` }}'}
    given = {"job_type": "logger", "job_input_type": "job_input_as_template", "job_input_value": template}
    assert previewed(alice, **given)["input"] == {"message": "?"}


class Held:
    """A runner that answers once it is let go."""

    def __init__(self) -> None:
        self.release = Event()

    def run(self, job_input: JsonValue, context: RunContext) -> Outcome:
        self.release.wait(10)
        return Outcome.completed()


class Broken:
    """A runner that breaks."""

    def run(self, job_input: JsonValue, context: RunContext) -> Outcome:
        raise ValueError("a password")


def with_runner(alice: Client, services: Services, runner: Any) -> Client:
    changed = replace(services, runners={**services.runners, "http": runner})
    return replace(alice, app=build(lambda: changed))


def test_what_does_not_end_in_time_is_left_behind(
    alice: Client, services: Services, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "MAX_SECONDS", 0.2)
    monkeypatch.setattr(trial, "OVERRUN_SECONDS", 0)
    held = Held()
    outcome = tried(with_runner(alice, services, held), http_job(alice, target))
    held.release.set()
    assert (outcome["status"], outcome["failure"]) == ("failed", "no_answer")
    assert outcome["error"] == "no answer within 0.2 s, which is as long as a test may take"


def test_a_runner_that_breaks_fails_the_test_and_tells_nothing(
    alice: Client, services: Services, target: Target
) -> None:
    outcome = tried(with_runner(alice, services, Broken()), http_job(alice, target))
    assert (outcome["failure"], outcome["error"]) == ("crashed", "the runner failed unexpectedly (ValueError)")


def test_a_user_has_three_tests_a_second_and_others_have_their_own(
    alice: Client, bob: Client, target: Target, clock: SetClock
) -> None:
    job, bobs = http_job(alice, target), http_job(bob, target)
    for _ in range(3):
        tried(alice, job)
    refused = alice.post(f"jobs/{job['id']}/test", {})
    assert (refused.status, refused.headers["retry-after"]) == (429, "1")
    assert len(target.seen) == 3
    tried(bob, bobs)
    clock.forward(1)
    tried(alice, job)


def test_a_slot_whose_test_died_is_free_again(
    alice: Client, target: Target, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = http_job(alice, target, job_timeout_in_secs=10)
    # As when the function is killed: nobody gives a slot back.
    monkeypatch.setattr("shared.manage.slots._give_back", lambda *_: None)
    for _ in range(3):
        tried(alice, job)
    refused = alice.post(f"jobs/{job['id']}/test", {})
    assert (refused.status, refused.headers["retry-after"]) == (429, "15")
    clock.forward(15)
    tried(alice, job)


def test_a_test_asked_for_twice_under_one_key_is_one(alice: Client, target: Target) -> None:
    job = http_job(alice, target)
    asked = alice.sending(idempotency_key="once")
    first, second = (asked.post(f"jobs/{job['id']}/test", {}) for _ in range(2))
    assert (first.text, second.headers["idempotency-replayed"]) == (second.text, "true")
    assert len(target.seen) == 1


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"samples": []}, {"samples"}),
        ({"samples": {"job": {}}}, {"samples.job"}),
        ({"samples": {"jobs": []}}, {"samples.jobs"}),
        ({"samples": {"jobs": {"a": 5}, "schedule": 1}}, {"samples.jobs.a", "samples.schedule"}),
    ],
)
def test_samples_that_cannot_be_read_are_refused(alice: Client, target: Target, body: Any, fields: set[str]) -> None:
    job = http_job(alice, target)
    assert set(alice.post(f"jobs/{job['id']}/test", body).fields) == fields
    assert set(alice.post("jobs/preview", {"job_id": job["id"], **body}).fields) == fields
    assert target.seen == []


def previewed(client: Client, **body: Any) -> Any:
    answer = client.post("jobs/preview", body)
    assert answer.status == 200, answer.text
    return answer.json["preview"]


def test_a_preview_fills_in_templates_and_calls_nobody(alice: Client, target: Target) -> None:
    given = {"url": f"{target.url}/{{{{ schedule.input.path }}}}", "query": {"of": "{{ jobs.a.output }}"}}
    samples = {"schedule": {"input": {"path": "x"}}, "jobs": {"a": {"output": [1]}}}
    shown = previewed(
        alice, job_type="http", job_input_type="job_input_as_template", job_input_value=given, samples=samples
    )
    assert shown == {
        "input": {"url": f"{target.url}/x", "query": {"of": [1]}},
        "host": f"127.0.0.1:{target.port}",
        "faults": [],
    }
    assert target.seen == []


def test_a_preview_of_a_stored_job_takes_changes_that_are_not_saved(alice: Client, target: Target) -> None:
    job = http_job(alice, target)
    assert previewed(alice, job_id=job["id"])["input"] == job["job_input_value"]
    shown = previewed(alice, job_id=job["id"], job_input_value={"url": "https://example.org"})
    assert (shown["input"], shown["host"]) == ({"url": "https://example.org"}, "example.org:443")


def test_a_preview_says_what_the_type_has_against_the_input(alice: Client) -> None:
    given = {"url": "{{ schedule.input.url }}", "method": "BREW"}
    shown = previewed(alice, job_type="http", job_input_type="job_input_as_template", job_input_value=given)
    assert {fault["field"] for fault in shown["faults"]} == {"input.url", "input.method"}
    assert shown["host"] is None


def test_a_preview_of_anothers_output_shows_the_sample(alice: Client) -> None:
    shown = previewed(
        alice,
        job_type="logger",
        job_input_type="job_output_as_input",
        job_input_value={"job": "a"},
        samples={"jobs": {"a": {"output": {"message": 1}}}},
    )
    assert shown["input"] == {"message": 1}


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"job_type"}),
        ({"job_type": "teleport"}, {"job_type"}),
        ({"job_id": 999_999}, {"job_id"}),
        ({"job_id": "x"}, {"job_id"}),
        ({"job_type": "http", "job_input_type": "magic"}, {"job_input_type"}),
        (
            {"job_type": "http", "job_input_type": "job_input_as_template", "job_input_value": {"url": "{{ a[ }}"}},
            {"job_input_value.url"},
        ),
        (
            {"job_type": "http", "job_input_type": "job_output_as_input", "job_input_value": {"job": "a"}},
            {"job_input_value"},
        ),
    ],
)
def test_a_preview_that_cannot_be_made_names_the_field(alice: Client, body: Any, fields: set[str]) -> None:
    answer = alice.post("jobs/preview", body)
    assert answer.status == 422, answer.text
    assert set(answer.fields) == fields


def test_nobody_tries_out_or_looks_at_anothers_job(alice: Client, bob: Client, target: Target) -> None:
    job = http_job(alice, target)
    assert bob.post(f"jobs/{job['id']}/test", {}).status == 404
    assert set(bob.post("jobs/preview", {"job_id": job["id"]}).fields) == {"job_id"}
    assert target.seen == []


def test_a_key_needs_the_scope_to_run_for_a_test_and_to_read_for_a_preview(alice: Client, target: Target) -> None:
    job = http_job(alice, target)

    def keyed(scope: str) -> Client:
        return alice.bearing(alice.post("user/keys", {"name": scope, "scopes": [scope]}).json["secret"])

    reader, runner = keyed("read"), keyed("run")
    assert reader.post(f"jobs/{job['id']}/test", {}).status == 403
    assert runner.post(f"jobs/{job['id']}/test", {}).status == 200
    assert reader.post("jobs/preview", {"job_id": job["id"]}).status == 200
    assert runner.post("jobs/preview", {"job_id": job["id"]}).status == 403
